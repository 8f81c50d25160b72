import { DEEDS, all, ids, listed } from "./common.mjs";

export default async function ({ open, ask, expect }) {
  const page = await open("/");
  const first = await page.$eval("#empty", (note) => note.textContent);
  await expect(page, () => document.querySelector(".keys"));
  const records = await all(ask, DEEDS);
  await listed(expect, page, 6);
  const deeds = Object.fromEntries(Object.entries(records).map(([deed, { decision_id }]) => [decision_id, deed]));
  const shown = async () => (await ids(page)).map((id) => deeds[id]);

  const found = { first, list: await shown(), newest_first: [...DEEDS].reverse() };
  found.kinds = await page.$$eval(".kind", (kinds) =>
    Object.fromEntries(kinds.map((kind) => [kind.querySelector("input").value, kind.querySelector(".count").textContent])),
  );
  const options = (name) => page.$$eval(`select[name="${name}"] option`, (all) => all.map(({ textContent }) => textContent));
  found.agents = await options("agent");
  found.groups = await page.$$eval("#groups li", (all) => all.map(({ textContent }) => textContent));

  await page.select('select[name="agent"]', "researcher");
  await listed(expect, page, 1);
  found.by_agent = await shown();
  await page.click("#clear");
  await listed(expect, page, 6);
  await page.type('input[name="text"]', "ABOVE_ceiling");
  await listed(expect, page, 1);
  found.by_text = await shown();
  await page.click("#clear");
  await listed(expect, page, 6);
  await page.click('.kind.would span');
  await listed(expect, page, 1);
  found.by_would = await shown();
  found.if_enforced = await page.$$eval("#groups li", (all) => all.map((line) => line.querySelector(".why").textContent));
  await page.click("#clear");
  await listed(expect, page, 6);

  await page.click("#pause");
  await ask("allow");
  await expect(page, () => document.querySelector("#held").textContent.includes("1 waiting"));
  found.while_paused = (await ids(page)).length;
  await page.click("#pause");
  await listed(expect, page, 7);
  found.resumed = (await ids(page)).length;
  return found;
}
