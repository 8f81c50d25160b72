import { ids, listed } from "./common.mjs";

export default async function ({ open, bars, expect }) {
  const found = {};
  for (const [width, name] of [[1440, ""], [360, "narrow-"]]) {
    for (const scheme of ["light", "dark"]) {
      const page = await open("/", { scheme, width });
      await listed(expect, page, 21);
      await expect(page, () => document.querySelector(".keys"));
      const look = async (what) => {
        await page.screenshot({ path: `target/page/${scheme}-${name}${what}.png` });
        const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        found[`${scheme}-${name}${what}`] = { bars: await bars(page), overflows };
      };
      await look("list");
      // Of a chain that was refused.
      await page.evaluate((id) => (location.hash = id), (await ids(page))[0]);
      await expect(page, () => document.querySelector("#decision .checks"));
      await look("decision");
      await page.close();
    }
  }
  return found;
}
