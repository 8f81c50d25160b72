// The live page: what comes in is held, filtered and shown; what is asked for is opened.

import { headline, opened } from "./decision.js";
import { CHECKS } from "./fields.js";
import { group, row } from "./list.js";
import { ago, el, number, show, word } from "./parts.js";
import { FACETS, Held, KINDS, MOST, counts, groups, matches } from "./records.js";
import { parts } from "./state.js";
import { follow, poll } from "./stream.js";

const ROWS = 200;
const GROUPS_SHOWN = 6;
const OPTIONS = 100;
// Shown again at most this often, however fast decisions come.
const PACE = 200;
// Told to who listens at most this often.
const TOLD = 20_000;

const $ = (id) => document.getElementById(id);
const filters = $("filters");

const held = new Held();
let waiting = [];
let paused = false;
let rows = ROWS;
let status = null;
let skew = 0;
let answered = null;
let missedSoFar = 0;
let wanted = { kind: "all" };
let shownId = null;

// hopgate's time, not this machine's.
const now = () => Date.now() + skew;

// ---- what comes in ----

follow({
  decided(record) {
    if (paused) {
      waiting.push(record);
      if (waiting.length > MOST) waiting.shift();
    } else if (held.add(record)) {
      tell(record);
    }
    later();
  },
  missed(records) {
    missedSoFar += records;
    $("missed").hidden = false;
    $("missed").textContent = `Missed ${number(missedSoFar)}: ask the log for them`;
  },
  turned(state) {
    const words = { live: "Live", reconnecting: "Reconnecting" };
    if ($("connection").dataset.state === state) return;
    $("connection").dataset.state = state;
    $("connection").textContent = words[state];
  },
});

poll({
  said(answer) {
    status = answer;
    answered = Date.now();
    skew = Date.parse(answer.now) - answered;
    sayState();
    later();
  },
  silent: sayState,
});

function sayState() {
  const silence = answered === null ? null : (Date.now() - answered) / 1000;
  const stale = silence === null || silence > 5;
  $("stale").hidden = !stale;
  $("stale").textContent = silence === null ? "State not known" : `State is ${ago(silence)} old`;
  if (!status) return;
  const observed = status.checks.filter(({ mode }) => mode === "observe").length;
  $("ready").hidden = stale;
  $("ready").dataset.state = status.ready.ok ? "ready" : "unready";
  show($("ready"), status.ready.ok ? "Ready" : `Not ready: ${status.ready.why}`);
  $("observing").hidden = observed === 0;
  $("observing").textContent = `${observed} ${observed === 1 ? "check" : "checks"} only observed`;
  show($("services"), ...status.services.slice(0, 3).map((name) => word(name)), status.services.length > 3 ? `+${status.services.length - 3}` : "");
  show($("revision"), "configuration ", word(status.revision, { class: "mono" }), " · ", word(`v${status.version}`));
  show($("state-parts"), ...parts(status));
}

// New refusals, in one sentence and seldom.
let untold = 0;
let telling = null;
function tell(record) {
  if (record.decision !== "deny" || Date.parse(record.time) < now() - TOLD) return;
  untold += 1;
  telling ??= setTimeout(() => {
    $("told").textContent = `${number(untold)} refused in the last ${TOLD / 1000} seconds`;
    untold = 0;
    telling = null;
  }, TOLD);
}

// ---- what is shown ----

let due = null;
function later() {
  due ??= setTimeout(() => {
    due = null;
    draw();
  }, PACE);
}

function draw() {
  const at = now();
  const found = held.list.filter((record) => matches(record, wanted, at));
  drawFacets(at);
  drawGroups(found, at);
  drawRows(found);
  $("held").textContent = `${number(found.length)} of ${number(held.list.length)} held${waiting.length > 0 ? `, ${number(waiting.length)} waiting` : ""}`;
  $("clear").hidden = !Object.entries(wanted).some(([name, value]) => value && value !== "all" && name !== "");
  $("pause").textContent = paused ? "Resume" : "Pause";
  $("empty").hidden = found.length > 0;
  $("empty").textContent = held.list.length === 0 ? "No decision yet." : "No decision held passes these filters.";
  const refused = held.list.filter(KINDS.deny[1]).length;
  // Of several in as many tabs the one that refuses is seen.
  document.title = [refused > 0 ? `(${refused} refused)` : "", status?.services[0] ?? "", "hopgate"].filter(Boolean).join(" ");
  open();
}

function drawRows(found) {
  const body = $("rows");
  const shown = found.slice(0, rows);
  const old = new Map([...body.children].map((line) => [line.dataset.id, line]));
  const lines = shown.map((record) => old.get(record.decision_id) ?? row(record));
  const keep = new Set(lines);
  for (const line of old.values()) if (!keep.has(line)) line.remove();
  // What stands already is not moved, so that it keeps the focus.
  lines.forEach((line, at) => {
    if (body.children[at] !== line) body.insertBefore(line, body.children[at] ?? null);
  });
  $("more").hidden = found.length <= rows;
  $("more").textContent = `Show ${number(Math.min(ROWS, found.length - rows))} older`;
  rove(document.activeElement?.closest("#rows tr") ?? body.querySelector("[aria-current]") ?? body.firstElementChild);
}

function drawGroups(found, at) {
  const would = wanted.kind === "would";
  const refused = found.filter(would ? KINDS.would[1] : KINDS.deny[1]);
  $("refused-title").textContent = KINDS[would ? "would" : "deny"][0];
  const all = groups(refused);
  const since = refused.at(-1);
  $("refused-note").textContent = since
    ? `${number(refused.length)} in ${ago((at - Date.parse(since.time)) / 1000)}${all.length > GROUPS_SHOWN ? `, the ${GROUPS_SHOWN} most frequent of ${all.length} kinds` : ""}`
    : "Nothing, among what is held.";
  show($("groups"), ...all.slice(0, GROUPS_SHOWN).map((one) => group(one, at)));
}

function drawFacets(at) {
  for (const [kind, [, of]] of Object.entries(KINDS)) {
    const n = held.list.filter((record) => of(record) && matches(record, wanted, at, "kind")).length;
    $(`count-${kind}`).textContent = number(n);
  }
  for (const name of Object.keys(FACETS)) {
    const select = filters.elements[name];
    // A list that somebody has open stays as it is.
    if (document.activeElement === select) continue;
    const found = counts(held.list, wanted, at, name);
    if (wanted[name] && !found.some(([value]) => value === wanted[name])) found.unshift([wanted[name], 0]);
    const options = found.slice(0, OPTIONS).map(([value, n]) => el("option", { value }, `${value} (${number(n)})`));
    show(select, el("option", { value: "" }, "any"), ...options);
    select.value = wanted[name] ?? "";
    select.disabled = found.length === 0;
  }
}

// ---- one decision ----

const asked = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
};
const isId = (id) => /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id);

// Opens what the address names. `focus`: somebody asked for it just now.
function open(focus = false) {
  const id = isId(asked()) ? asked() : null;
  const record = id && held.find(id);
  const panel = $("decision");
  for (const line of $("rows").children) {
    if (line.dataset.id === id) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }
  // What is open stays open when it is no longer held.
  const key = record ? `${id} ${status === null}` : id;
  if (key !== shownId && !(shownId?.startsWith(`${id} `) && !record)) {
    shownId = key;
    document.body.classList.toggle("opened", id !== null);
    panel.hidden = id === null;
    const kept = panel.contains(document.activeElement);
    const checks = status ? status.checks.map(({ name }) => name) : Object.keys(CHECKS);
    const close = el("button", { type: "button", class: "close" }, "Close", el("kbd", { "aria-hidden": "true" }, "Esc"));
    close.addEventListener("click", shut);
    const head = el("div", { class: "head" }, el("h2", { id: "opened", tabindex: -1 }, record ? headline(record) : "Not held here"), close);
    const body = record ? opened(record, { checks, reasons: status?.reasons ?? {} }) : unknown(id);
    panel.replaceChildren(...(id === null ? [] : [head, ...body]));
    panel.scrollTop = 0;
    focus ||= kept;
  }
  if (focus && id) $("opened").focus();
}

const unknown = (id) => [el("p", {}, "The page holds what was decided lately. The log may have ", word(id, { class: "mono" }), ".")];

function shut() {
  const id = asked();
  history.pushState(null, "", location.pathname);
  open();
  const line = [...$("rows").children].find(({ dataset }) => dataset.id === id);
  (line ? rove(line) : $("decisions")).focus();
}

// ---- what people do ----

// Makes `line` the one that Tab reaches; gives its link.
function rove(line) {
  for (const other of $("rows").querySelectorAll('a[tabindex="0"]')) other.tabIndex = -1;
  const link = line?.querySelector("a");
  if (link) link.tabIndex = 0;
  return link;
}

function chosen() {
  const data = new FormData(filters);
  wanted = Object.fromEntries([...data].map(([name, value]) => [name, String(value).trim()]));
  rows = ROWS;
  draw();
}

function pause(on) {
  paused = on;
  $("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) for (const record of waiting.splice(0)) held.add(record);
  draw();
}

$("rows").addEventListener("keydown", (event) => {
  const line = event.target.closest("tr");
  const body = $("rows");
  const to = { ArrowDown: line?.nextElementSibling, ArrowUp: line?.previousElementSibling, Home: body.firstElementChild, End: body.lastElementChild }[event.key];
  if (!to || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  rove(to).focus();
});
$("rows").addEventListener("click", (event) => {
  const line = event.target.closest("tr");
  if (!line || event.target.closest("a") || !getSelection().isCollapsed) return;
  location.hash = encodeURIComponent(line.dataset.id);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && shownId !== null && event.target.type !== "search") shut();
});
addEventListener("hashchange", () => open(true));
$("pause").addEventListener("click", () => pause(!paused));
$("more").addEventListener("click", () => {
  rows += ROWS;
  draw();
});
filters.addEventListener("input", chosen);
filters.addEventListener("submit", (event) => event.preventDefault());
// The fields are empty only after their event.
filters.addEventListener("reset", () => setTimeout(chosen));

for (const [kind, [words]] of Object.entries(KINDS)) {
  const input = el("input", { type: "radio", name: "kind", value: kind, checked: kind === "all" });
  $("kinds").append(el("label", { class: `kind ${kind}` }, input, el("span", {}, `${words} `, el("span", { class: "count", id: `count-${kind}` }, "0"))));
}
// Times grow older without a decision, too.
setInterval(() => {
  sayState();
  if (!paused) draw();
}, 5000);
draw();
