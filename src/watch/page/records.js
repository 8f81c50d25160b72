// What records say, without the page: held, filtered, counted, grouped, read.

// Records held; the oldest go first.
export const MOST = 1000;

// Records that are held, the newest first.
export class Held {
  list = [];
  ids = new Set();

  // Gives whether the record was new.
  add(record) {
    const id = record.decision_id;
    if (this.ids.has(id)) return false;
    this.ids.add(id);
    this.list.unshift(record);
    for (const gone of this.list.splice(MOST)) this.ids.delete(gone.decision_id);
    return true;
  }

  find(id) {
    return this.list.find((record) => record.decision_id === id);
  }
}

// A record of a line, or null. The line stays with it, for the search by text.
const lines = new WeakMap();
export function read(line) {
  let record;
  try {
    record = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof record?.decision_id !== "string") return null;
  lines.set(record, line);
  return record;
}
export const lineOf = (record) => lines.get(record);

const list = (value) => (Array.isArray(value) ? value.map(String) : []);

// ---- filters ----

export const KINDS = {
  all: ["All", () => true],
  deny: ["Refused", (record) => record.decision === "deny"],
  would: ["Would be refused", (record) => list(record.would_deny).length > 0],
  allow: ["Allowed", (record) => record.decision === "allow"],
  answer: ["Answered", (record) => record.decision === "answer"],
};

// Values of a record under each facet, as `hopgate logs` has them. Agents and subjects are those of verified tokens, so that no
// search finds a forgery.
export const FACETS = {
  agent: (record) => [...list(record.actor_chain), record.client_id],
  subject: (record) => [record.subject],
  reason: (record) => [record.reason, ...list(record.would_deny)],
  service: (record) => [record.service],
  tool: (record) => [record.operation_name],
};

const given = (values) => values.filter((value) => value !== null && value !== undefined && value !== "…").map(String);

// Whether `record` passes all of `wanted` but for the facet `except`.
export function matches(record, wanted, now, except) {
  if (except !== "kind" && !KINDS[wanted.kind][1](record)) return false;
  if (wanted.since && Date.parse(record.time) < now - Number(wanted.since) * 1000) return false;
  for (const [name, of] of Object.entries(FACETS)) {
    if (name !== except && wanted[name] && !given(of(record)).includes(wanted[name])) return false;
  }
  return !wanted.text || lines.get(record).toLowerCase().includes(wanted.text.toLowerCase());
}

// Value → how many records have it, among those that pass all other filters; the most frequent first.
export function counts(records, wanted, now, facet) {
  const found = new Map();
  for (const record of records) {
    if (!matches(record, wanted, now, facet)) continue;
    for (const value of new Set(given(FACETS[facet](record)))) found.set(value, (found.get(value) ?? 0) + 1);
  }
  return [...found].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}

// Calls that were, or would be, refused and differ only in when: the most frequent first.
export function groups(records) {
  const found = new Map();
  for (const record of records) {
    const steps = chain(record);
    const key = JSON.stringify([record.reason ?? record.would_deny, record.service, record.route, record.operation_name, steps.map(({ name, role }) => [name, role])]);
    const group = found.get(key);
    if (group) group.count += 1;
    else found.set(key, { count: 1, latest: record });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

// ---- one record ----

// Who calls for whom, the subject first: [{ name, role, is }], where `is` tells what a name stands for.
export function chain(record) {
  const who = record.token_verified ? record : record.claimed;
  if (!who) {
    return [{ name: record.peer ?? "unknown", role: record.peer ? "mTLS peer, no token read" : "no token read", is: "unknown" }];
  }
  const steps = [{ name: who.subject ?? "unknown", role: "subject", is: "subject" }];
  const actors = list(who.actor_chain).reverse();
  if (actors[0] === "…") actors[0] = `${who.delegation_depth - actors.length + 1} more`;
  if (actors.length === 0 && who.client_id && who.client_id !== who.subject) {
    steps.push({ name: who.client_id, role: "client", is: "actor" });
  }
  actors.forEach((name, at) => steps.push({ name, role: at === actors.length - 1 ? "acts now" : "actor", is: "actor" }));
  return steps;
}

export const believed = (record) => record.token_verified === true;

// What became of the record's call at each of `checks`: [{ name, verdict, reasons }]. `checkOf` maps reasons to checks.
export function verdicts(record, checks, checkOf) {
  const would = list(record.would_deny);
  const told = Array.isArray(record.passed);
  const all = checks.map((name) => {
    const observed = would.filter((reason) => checkOf[reason] === name);
    if (record.check === name) return { name, verdict: "refused", reasons: [record.reason, ...observed] };
    if (observed.length > 0) return { name, verdict: "would have refused", reasons: observed };
    if (list(record.passed).includes(name)) return { name, verdict: "passed", reasons: [] };
    if (list(record.not_asked).includes(name)) return { name, verdict: "nothing asked", reasons: [] };
    return { name, verdict: told ? "not reached" : "not recorded", reasons: [] };
  });
  // hopgate itself is no check of the call: it only ever refuses.
  return all.filter(({ name, verdict }) => name !== "service" || verdict === "refused");
}
