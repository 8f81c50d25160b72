// One decision, opened: what was decided and why, who called for whom, every check, every field.

import { CHECKS, GROUPS } from "./fields.js";
import { badge, el, icon, number, unseen, word } from "./parts.js";
import { believed, chain, lineOf, verdicts } from "./records.js";
import { why } from "./list.js";

// Every verdict, with its sign.
export const VERDICTS = {
  refused: "deny",
  "would have refused": "would",
  passed: "allow",
  "nothing asked": "none",
  "not reached": "dot",
  "not recorded": "dot",
};

// What it was, in a heading.
export const headline = (record) => [badge(record), " ", why(record)];

export function opened(record, { checks, reasons }) {
  return [
    identity(record),
    drawn(record),
    ...(believed(record) ? [] : [doubt(record)]),
    checked(record, checks, reasons),
    ...fields(record),
    el("details", {}, el("summary", {}, "The record as it was written"), el("pre", { tabindex: 0, "aria-label": "Record" }, word(pretty(record)))),
  ];
}

function identity(record) {
  const copy = el("button", { type: "button", class: "copy" }, "Copy id");
  copy.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(record.decision_id).then(() => true, () => false);
    copy.textContent = copied ? "Copied" : "Can't copy";
    setTimeout(() => (copy.textContent = "Copy id"), 2000);
  });
  return el("p", { class: "identity" }, word(record.decision_id, { class: "mono" }), " ", copy);
}

// The chain, from the subject to the service that was asked.
function drawn(record) {
  const doubted = !believed(record);
  const boxes = chain(record).map(({ name, role, is }) => box(name, doubted && is !== "unknown" ? `${role}, claimed` : role, doubted ? `${is} doubted` : is));
  const end = { deny: ["refused", "deny"], allow: ["let through", "allow"], answer: ["answered by hopgate", "answer"] }[record.decision] ?? ["", "none"];
  const gate = el("span", { class: `gate ${record.decision === "deny" ? "deny" : ""}` }, icon(end[1]), end[0]);
  const service = box(record.service ?? "unknown", "service", "service");
  service.prepend(gate);
  service.lastChild.append(el("span", { class: "mono sent" }, word(record.operation_name ?? record.operation ?? `${record.method} ${record.path ?? "(path not written)"}`)));
  return el("figure", { class: "drawn" }, el("figcaption", { class: "unseen" }, "Who calls for whom, and what became of it"), el("ol", {}, boxes, service));
}

const box = (name, role, kind) => el("li", { class: kind }, el("span", { class: "box" }, word(name, { class: "name" }), el("span", { class: "role" }, role)));

function doubt(record) {
  const claims = record.claimed ? "What the token says of itself was not verified. Do not believe it." : "No token could be read: nobody is known to have called.";
  return el("p", { class: "note doubtful" }, icon("would"), claims);
}

function checked(record, checks, reasons) {
  const rows = verdicts(record, checks, reasons).map(({ name, verdict, reasons: found }) =>
    el(
      "tr",
      { class: verdict.replaceAll(" ", "-") },
      el("th", { scope: "row" }, word(name, { class: "mono" }), el("span", { class: "asks" }, CHECKS[name] ?? "")),
      el("td", {}, el("span", { class: "verdict" }, icon(VERDICTS[verdict]), verdict), found.map((reason) => [" ", el("span", { class: "mono why" }, word(reason ?? ""))])),
    ),
  );
  const head = el("tr", {}, ["Check", "Verdict"].map((name) => el("th", { scope: "col" }, unseen(name))));
  return el(
    "section",
    {},
    el("h3", { id: "checks-title" }, "Checks, in their order"),
    el("table", { class: "checks", "aria-labelledby": "checks-title" }, el("thead", {}, head), el("tbody", {}, rows)),
  );
}

// Every field in its group, and those that the page does not know under "Other".
function fields(record) {
  const known = new Set(Object.values(GROUPS).flatMap((group) => Object.keys(group)));
  const others = Object.fromEntries(Object.keys(record).filter((name) => !known.has(name)).map((name) => [name, ""]));
  const all = Object.keys(others).length > 0 ? { ...GROUPS, Other: others } : GROUPS;
  return Object.entries(all).map(([title, group]) => {
    const present = Object.entries(group).filter(([name]) => name in record);
    const rows = present.map(([name, words]) => field(name, words, record[name], record));
    return rows.length > 0 ? el("section", {}, el("h3", {}, title), el("dl", {}, rows)) : "";
  });
}

function field(name, words, value, record) {
  const doubted = name === "claimed";
  const shown = doubted && value ? claims(value) : said(name, value, record);
  return el("div", { class: doubted ? "doubtful" : undefined, "data-field": name }, el("dt", {}, words && words !== name ? `${words} ` : "", el("code", {}, word(name))), el("dd", {}, shown));
}

function claims(value) {
  const words = Object.assign({}, ...Object.values(GROUPS));
  const rows = Object.entries(value).map(([name, claimed]) => field(name, words[name] ?? "", claimed, value));
  return [el("p", { class: "tag" }, "not verified: do not believe it"), el("dl", {}, rows)];
}

function said(name, value) {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) {
    return el("span", { class: "quiet" }, "none");
  }
  if (Array.isArray(value)) return el("ul", {}, value.map((item) => el("li", {}, said("", item))));
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "object") return word(JSON.stringify(value), { class: "mono" });
  if (name === "duration_us") return `${number(value)} µs`;
  if (name === "auth_time") return [word(value, { class: "mono" }), ` ${new Date(value * 1000).toISOString?.() ?? ""}`];
  return word(value, { class: "mono" });
}

function pretty(record) {
  return JSON.stringify(JSON.parse(lineOf(record)), null, 1);
}
