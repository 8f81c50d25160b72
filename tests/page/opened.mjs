import { DEEDS, all, listed, openDecision } from "./common.mjs";

export default async function ({ open, ask, expect }) {
  const records = await all(ask, DEEDS);
  const page = await open("/");
  await listed(expect, page, DEEDS.length);
  await expect(page, () => document.querySelector(".keys"));
  const found = {};
  for (const [deed, record] of Object.entries(records)) {
    await openDecision(page, expect, record.decision_id);
    found[deed] = await page.$eval("#decision", (panel) => {
      const texts = (from, selector) => [...from.querySelectorAll(selector)].map(({ textContent }) => textContent);
      return {
        verdicts: [...panel.querySelectorAll(".checks tbody tr")].map((line) => ({
          name: line.querySelector("bdi").textContent,
          verdict: line.querySelector(".verdict").textContent,
          reason: texts(line, ".why").join(" "),
        })),
        fields: [...panel.querySelectorAll(":scope > section > dl > [data-field]")].map(({ dataset }) => dataset.field).sort(),
        chain: [...panel.querySelectorAll(".drawn li")].map((box) => texts(box, ".name, .role").join(", ")),
        doubt: panel.querySelector(".note.doubtful")?.textContent ?? null,
      };
    });
    found[deed].record = record;
  }
  return found;
}
