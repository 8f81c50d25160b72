import { readFileSync } from "node:fs";

import { listed, openDecision } from "./common.mjs";

// Written before there were `passed` and `not_asked`, and after a field that the page has no words for.
const { passed, not_asked, ...OLD } = JSON.parse(readFileSync("examples/decisions.jsonl", "utf8").split("\n")[0]);
const record = { ...OLD, later: { deep: ["<b>"] }, operation_name: "delete_document" };

export default async function ({ open, expect }) {
  let sent = false;
  const page = await open("/", {
    before: async (page) => {
      await page.setRequestInterception(true);
      page.on("request", (request) => {
        if (sent || !request.url().endsWith("/decisions")) return request.continue();
        sent = true;
        request.respond({ status: 200, contentType: "text/event-stream", body: `event: decision\ndata: ${JSON.stringify(record)}\n\n` });
      });
    },
  });
  await listed(expect, page, 1);
  await expect(page, () => document.querySelector(".keys"));
  await openDecision(page, expect, record.decision_id);
  return page.evaluate(() => ({
    group: document.querySelector('[data-field="later"]').closest("section").querySelector("h3").textContent,
    value: document.querySelector('[data-field="later"] dd').textContent,
    old: [...document.querySelectorAll(".checks .verdict")].map(({ textContent }) => textContent),
    tools: [...document.querySelectorAll('select[name="tool"] option')].map(({ textContent }) => textContent),
  }));
}
