import { listed } from "./common.mjs";

export default async function ({ open, ask, expect }) {
  const page = await open("/");
  const states = [];
  const until = async (state) => {
    await expect(page, (wanted) => document.querySelector("#connection").textContent === wanted, state);
    states.push(state);
  };
  await ask("allow");
  await listed(expect, page, 1);
  await expect(page, () => document.querySelector(".keys"));
  await until("Live");
  await ask("end");
  await until("Reconnecting");
  await expect(page, () => !document.querySelector("#stale").hidden);
  const stale = await page.$eval("#stale", ({ textContent }) => textContent);
  await ask("start");
  await until("Live");
  await ask("allow");
  await listed(expect, page, 2);
  return { states, stale, after: 2 };
}
