// What hopgate sends: decisions as they happen, and its own state, asked for again and again.

import { read } from "./records.js";

const AGAIN = 2000;

// Calls `decided` with each record, `missed` with how many went by unseen, and `turned` with "live" or "reconnecting".
export function follow({ decided, missed, turned }) {
  let last = 0;
  // Set by a loss until the first new record shows what was lost.
  let lost = false;
  const known = new Set();
  const connect = () => {
    const source = new EventSource("/decisions");
    source.addEventListener("open", () => turned("live"));
    source.addEventListener("error", () => {
      turned("reconnecting");
      lost = last > 0;
      // The browser comes back by itself from a broken connection, not from an answer that is no stream.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN);
    });
    source.addEventListener("missed", ({ data }) => missed(Number(data)));
    source.addEventListener("decision", ({ data }) => {
      const record = read(data);
      const seq = record ? record.seq : checkpoint(data);
      if (seq === null || (record && known.has(record.decision_id)) || (!record && seq <= last)) return;
      // A lower number is another process: what the one before wrote last can't be known.
      if (lost && seq > last + 1) missed(seq - last - 1);
      lost = false;
      last = seq;
      if (!record) return;
      known.add(record.decision_id);
      if (known.size > 4096) known.delete(known.values().next().value);
      decided(record);
    });
  };
  connect();
}

// The number of a line that says how far the log is signed, and is no decision.
function checkpoint(data) {
  try {
    const line = JSON.parse(data);
    return typeof line.checkpoint === "string" && Number.isInteger(line.seq) ? line.seq : null;
  } catch {
    return null;
  }
}

// Calls `said` with what hopgate says of itself, and `silent` when it does not answer.
export function poll({ said, silent }) {
  const ask = async () => {
    try {
      if (!document.hidden) {
        const answer = await fetch("/status", { cache: "no-store" });
        if (!answer.ok) throw new Error(answer.statusText);
        said(await answer.json());
      }
    } catch {
      silent();
    }
    setTimeout(ask, AGAIN);
  };
  ask();
}
