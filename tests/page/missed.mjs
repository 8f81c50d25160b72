import { readFileSync } from "node:fs";

import { listed } from "./common.mjs";

const RECORD = JSON.parse(readFileSync("examples/decisions.jsonl", "utf8").split("\n")[0]);
const record = (seq) => ({ ...RECORD, seq, decision_id: `01a2154b-a422-7023-a06d-${String(seq).padStart(12, "0")}` });
const event = (name, data) => `event: ${name}\ndata: ${data}\n\n`;

// What hopgate sends to a reader that is too slow, which a browser on the same machine is not.
const STREAMS = [
  event("missed", 12) + event("decision", JSON.stringify(record(1))),
  // Five were decided while the connection was lost, and then very many.
  Array.from({ length: 1200 }, (_, at) => event("decision", JSON.stringify(record(at + 7)))).join(""),
];

export default async function ({ open, expect }) {
  const streams = [...STREAMS];
  let turn = Promise.resolve();
  let next;
  const page = await open("/", {
    before: async (page) => {
      await page.setRequestInterception(true);
      page.on("request", async (request) => {
        if (!request.url().endsWith("/decisions") || streams.length === 0) return request.continue();
        await turn;
        turn = new Promise((resolve) => (next = resolve));
        request.respond({ status: 200, contentType: "text/event-stream", body: `retry: 100\n\n${streams.shift()}` });
      });
    },
  });
  await listed(expect, page, 1);
  const missed = await page.$eval("#missed", ({ textContent }) => textContent);
  next();
  await listed(expect, page, 200);
  const text = (id) => page.$eval(id, ({ textContent }) => textContent);
  return { missed, more: await text("#missed"), held: await text("#held"), rows: (await page.$$("#rows tr")).length };
}
