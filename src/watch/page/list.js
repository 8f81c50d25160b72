// The list of decisions, and what was refused at a glance.

import { badge, clock, el, endOf, ago, number, unseen, word } from "./parts.js";
import { believed, chain } from "./records.js";

const arrow = () => [unseen(", then "), el("span", { class: "arrow", "aria-hidden": "true" }, "→")];

// The subject, and who acted last: they must be seen however long a chain somebody made.
function brief(steps) {
  if (steps.length <= 5) return steps;
  return [steps[0], { name: `${steps.length - 3} more`, is: "more" }, ...steps.slice(-2)];
}

// Who calls for whom, in a line.
export function who(record) {
  const steps = brief(chain(record));
  const line = steps.flatMap(({ name, is }, at) => [
    ...(at > 0 ? arrow() : []),
    word(name, { class: at === steps.length - 1 ? `${is} last` : is }),
  ]);
  const doubt = believed(record) ? null : el("span", { class: "tag" }, steps[0].is === "unknown" ? "no token read" : "not verified");
  return el("span", { class: believed(record) ? "chainline" : "chainline doubted" }, line, doubt ? [" ", doubt] : null);
}

// What was called: by the service's own names, and as sent.
function called(record) {
  const names = [record.service ?? "no service", record.operation_name ?? record.route ?? record.operation].filter(Boolean);
  const sent = record.operation && record.protocol !== "http" ? record.operation : `${record.method} ${record.path ?? "(path not written)"}`;
  return [
    el("span", { class: "names" }, names.flatMap((name, at) => [at > 0 ? el("span", { class: "quiet" }, " · ") : null, word(name)])),
    el("span", { class: "sent mono" }, word(sent)),
  ];
}

export function why(record) {
  const reasons = record.reason ? [record.reason] : record.would_deny ?? [];
  return reasons.flatMap((reason, at) => [at > 0 ? ", " : null, el("span", { class: "mono why" }, word(reason))]);
}

export function row(record) {
  const end = endOf(record);
  const id = record.decision_id;
  const open = el("a", { href: `#${encodeURIComponent(id)}`, tabindex: -1 }, el("time", { datetime: record.time }, clock(record.time)));
  open.setAttribute("aria-label", `${clock(record.time)}, open this decision`);
  const cell = (kind, ...children) => el("td", { role: "cell", class: kind }, ...children);
  const line = el(
    "tr",
    { role: "row", class: end },
    cell("when mono", open),
    cell("what", badge(record), why(record)),
    cell("who", who(record)),
    cell("called", called(record)),
  );
  line.dataset.id = id;
  return line;
}

export function group({ count, latest }, now) {
  const times = `${number(count)} ×`;
  const last = el("span", { class: "quiet last-seen" }, `last ${ago((now - Date.parse(latest.time)) / 1000)} ago`);
  const open = el("a", { href: `#${encodeURIComponent(latest.decision_id)}` }, why(latest));
  open.append(unseen(", open the last one"));
  return el("li", {}, el("span", { class: "count" }, times), open, who(latest), el("span", { class: "called" }, called(latest)), last);
}
