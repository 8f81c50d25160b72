// What hopgate says of itself: keys, checks, counters.

import { ago, el, icon, number, word } from "./parts.js";

export function parts(status) {
  return [keys(status), checks(status), counters(status), configuration(status)];
}

const part = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);

function keys({ issuers }) {
  if (issuers.length === 0) return part("Keys", el("p", { class: "quiet" }, "No issuer is configured."));
  const STATES = { current: ["allow", "current"], kept: ["would", "last good, fetches fail"], missing: ["deny", "none: tokens refused"] };
  const rows = issuers.map((issuer) => {
    const [shape, words] = STATES[issuer.state] ?? ["none", issuer.state];
    const age = issuer.age_seconds === null ? (issuer.source === "file" ? "from a file" : "never fetched") : `fetched ${ago(issuer.age_seconds)} ago`;
    const ids = issuer.keys.map(({ kid, algorithm }) => el("li", {}, word(kid ?? "no kid", { class: "mono" }), " ", el("span", { class: "quiet" }, word(algorithm))));
    return el(
      "li",
      { class: issuer.state },
      word(issuer.issuer, { class: "mono issuer" }),
      el("span", { class: "verdict" }, icon(shape), words),
      el("span", { class: "quiet" }, age),
      el("ul", { "aria-label": "Keys" }, ids),
    );
  });
  return part("Keys", el("ul", { class: "keys" }, rows));
}

function checks({ checks }) {
  const rows = checks.map(({ name, observable, mode }) => {
    const observed = mode === "observe";
    const words = observed ? "only observed" : observable ? "enforced" : "always enforced";
    return el("li", { class: observed ? "observed" : "" }, word(name, { class: "mono" }), el("span", { class: "verdict" }, observed ? icon("would") : null, words));
  });
  return part("Checks", el("ul", { class: "modes" }, rows));
}

const COUNTERS = {
  allowed: "allowed",
  refused: "refused",
  would_refuse: "would be refused",
  answered: "answered by hopgate",
  records_refused: "records that found no room",
  reloads_failed: "reloads that failed",
  replay_failures: "claims the replay store did not answer",
};
// More than none of these is bad news.
const BAD = new Set(["records_refused", "reloads_failed", "replay_failures"]);

function counters({ counters, started, now }) {
  const rows = Object.entries(counters).map(([name, count]) =>
    el("div", { class: BAD.has(name) && count > 0 ? "bad" : undefined, "data-counter": name }, el("dt", {}, COUNTERS[name] ?? word(name)), el("dd", {}, number(count))),
  );
  return part(`Since its start, ${ago((Date.parse(now) - Date.parse(started)) / 1000)} ago`, el("dl", { class: "counters" }, rows));
}

function configuration(status) {
  const rows = [
    ["configuration", [word(status.revision, { class: "mono" }), status.config_current ? "" : el("strong", {}, " the file on disk was not taken")]],
    ["revocations", [number(status.revocations), status.revocations_current ? "" : el("strong", {}, " the list on disk was not taken")]],
    ["replay store", status.replay_available ? "available" : el("strong", {}, "not available: single-use calls are refused")],
    ["services", el("ul", {}, status.services.map((name) => el("li", {}, word(name))))],
    ["version", word(status.version, { class: "mono" })],
    ["started", word(status.started, { class: "mono" })],
  ];
  return part("Configuration", el("dl", {}, rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))));
}
