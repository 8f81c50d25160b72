// What several scenarios do.

export const ids = (page) => page.$$eval("#rows tr", (lines) => lines.map(({ dataset }) => dataset.id));

export const listed = (expect, page, count) => expect(page, (n) => document.querySelectorAll("#rows tr").length === n, count);

// Does each of `deeds`; gives the records by deed.
export async function all(ask, deeds) {
  const records = {};
  for (const deed of deeds) records[deed] = await ask(deed);
  return records;
}

// Opens the decision `id` by its address.
export async function openDecision(page, expect, id) {
  await page.evaluate((at) => (location.hash = at), id);
  await expect(page, (at) => document.querySelector("#decision .identity bdi")?.textContent === at, id);
}

export const DEEDS = ["allow", "would refuse", "refuse the chain", "refuse a stranger", "refuse a forgery", "refuse without a token"];
