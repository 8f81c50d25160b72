// Small parts of the page. Whatever came from outside goes in as text, never as markup.

// An element with children; strings become text. Attributes are set as they are, `class` and `aria-…` among them.
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

// A word from outside: its direction is its own and ends with it.
export const word = (text, attributes = {}) => el("bdi", attributes, String(text));

export const unseen = (text) => el("span", { class: "unseen" }, text);

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

const DECISIONS = {
  deny: ["deny", "Refused"],
  would: ["would", "Allowed, would be refused"],
  allow: ["allow", "Allowed"],
  answer: ["answer", "Answered"],
};

// How a record ended, as one of DECISIONS.
export function endOf(record) {
  if (record.decision === "allow" && record.would_deny?.length > 0) return "would";
  return record.decision in DECISIONS ? record.decision : "answer";
}

export function badge(record) {
  const end = endOf(record);
  const [shape, words] = DECISIONS[end];
  return el("span", { class: `badge ${end}` }, icon(shape), record.decision in DECISIONS ? words : word(record.decision));
}

// 10:58:30.582, of a time in UTC.
export const clock = (time) => /T([\d:.]+)Z?$/.exec(String(time))?.[1] ?? String(time);

export function ago(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} days`;
}

export const number = (n) => Number(n).toLocaleString("en");

// Replaces the children only if they would look different, so that nothing is announced, or loses its focus, for nothing.
export function show(element, ...children) {
  const fresh = el("div", {}, ...children);
  if (fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
}
