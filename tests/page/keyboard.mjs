import { all, ids, listed } from "./common.mjs";

export default async function ({ open, ask, expect }) {
  await all(ask, ["allow", "refuse a stranger", "would refuse"]);
  const page = await open("/");
  await listed(expect, page, 3);
  await expect(page, () => document.querySelector(".keys"));
  const [newest, middle, oldest] = await ids(page);
  const focused = () => page.evaluate(() => document.activeElement.closest("tr")?.dataset.id ?? document.activeElement.id);
  const found = {};

  // From the top, by Tab alone, into the list: one stop for the whole list.
  const stops = [];
  for (let at = 0; at < 30; at += 1) {
    await page.keyboard.press("Tab");
    stops.push(await focused());
    if (stops.at(-1) === newest) break;
  }
  found.entered = stops.at(-1);
  await page.keyboard.press("ArrowDown");
  found.down = await focused();
  await page.keyboard.press("End");
  found.end = await focused();
  await page.keyboard.press("ArrowDown");
  found.below_the_end = await focused();
  await page.keyboard.press("ArrowUp");
  found.up = await focused();

  await page.keyboard.press("Enter");
  await expect(page, () => document.activeElement.id === "opened");
  found.opened = await page.$eval("#decision .identity bdi", ({ textContent }) => textContent);
  found.outlined = await page.$eval("#opened", (heading) => getComputedStyle(heading).outlineStyle);
  found.address = await page.evaluate(() => location.hash.slice(1));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page, () => document.querySelector(".copy").textContent === "Copied");
  const copied = await page.evaluate(() => navigator.clipboard.readText());

  // A decision that comes meanwhile takes nothing away.
  await ask("allow");
  await listed(expect, page, 4);
  found.still = await page.evaluate(() => document.activeElement.className);
  await page.keyboard.press("Escape");
  await expect(page, () => document.querySelector("#decision").hidden);
  found.closed = await focused();

  // Who is sent the address sees the same.
  const other = await open(`/#${oldest}`);
  await expect(other, () => document.querySelector("#decision .identity bdi"));
  found.linked = await other.$eval("#decision .identity bdi", ({ textContent }) => textContent);
  await other.evaluate(() => (location.hash = "00000000-0000-7000-8000-000000000000"));
  await expect(other, () => document.querySelector("#opened")?.textContent === "Not held here");
  found.not_held = true;

  const wanted = {
    entered: newest,
    down: middle,
    end: oldest,
    below_the_end: oldest,
    up: middle,
    opened: middle,
    outlined: "solid",
    address: middle,
    still: "copy",
    closed: middle,
    linked: oldest,
    not_held: true,
  };
  return { found, wanted, copied };
}
