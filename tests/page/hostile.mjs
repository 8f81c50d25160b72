import { listed, openDecision } from "./common.mjs";

export default async function ({ open, ask, expect }) {
  const { decision_id } = await ask("refuse hostile names");
  const found = { overflows: [] };
  for (const width of [1440, 800, 360]) {
    const page = await open("/", { width });
    await listed(expect, page, 1);
    await expect(page, () => document.querySelector(".keys"));
    const check = async (what) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) found.overflows.push(`${what} at ${width}: ${wide}`);
    };
    await check("list");
    found.last_seen ??= await page.$eval("#rows .chainline", (line) => {
      const [cell, last] = [line.closest("td"), line.querySelector(".last")].map((element) => element.getBoundingClientRect());
      return last.width > 0 && last.right <= cell.right + 1 && last.bottom <= cell.bottom + 1;
    });
    await openDecision(page, expect, decision_id);
    await check("decision");
    found.made = await page.evaluate(() => document.querySelectorAll("img, td script, bdi *, script:not([type=module])").length);
    [found.subject, found.prior, found.actor] = await page.$$eval(".drawn .name", (names) => names.map(({ textContent }) => textContent));
    found.isolated = await page.$$eval("bdi", (names) => names.every((name) => getComputedStyle(name).unicodeBidi === "isolate"));
    found.title = await page.title();
    await page.close();
  }
  return found;
}
