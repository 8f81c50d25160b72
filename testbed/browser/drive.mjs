// Runs a scenario in a headless Chromium: drive.mjs SCENARIO SITE. Ends with one line of JSON on stdout.
//
// The scenario's default export is called with
//   open(path, { width, height, scheme, before })  a page of the site; `before(page)` is called before it loads
//   ask(what)                 whatever who started this answers
//   bars(page)                what axe-core finds that would bar people, a line each
//   expect(page, test, ...)   waits until `test`, run in the page, gives something, and gives that
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [scenario, site] = process.argv.slice(2);
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const PATIENCE = 20_000;

const faults = [];
const elsewhere = [];
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function ask(what) {
  say({ ask: what });
  return JSON.parse((await answers.next()).value);
}

// Content comes from the tests alone, and a container may not have what the sandbox needs.
const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium-headless-shell", args: ["--no-sandbox"] });

async function open(path, { width = 1440, height = 900, scheme = "light", before } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) faults.push(`${message.text()} ${message.location()?.url ?? ""}`);
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${site}/`) && !url.startsWith("data:")) elsewhere.push(url);
  });
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await grant(page, ["clipboard-read", "clipboard-write"]);
  await before?.(page);
  await page.goto(site + path, { waitUntil: "domcontentloaded" });
  return page;
}

// What a person is asked for, or gives by pressing a key.
async function grant(page, names) {
  const session = await page.createCDPSession();
  for (const name of names) await session.send("Browser.setPermission", { permission: { name }, setting: "granted", origin: site });
}

async function bars(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate("axe.run()");
  if (passes.length === 0) return ["axe-core looked at nothing"];
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

async function expect(page, test, ...rest) {
  const handle = await page.waitForFunction(test, {}, ...rest).catch((error) => {
    throw new Error(`waited in vain for ${test}`, { cause: error });
  });
  return handle.jsonValue();
}

try {
  const { default: run } = await import(pathToFileURL(scenario));
  const found = await run({ open, ask, bars, expect });
  say({ found, faults, elsewhere });
} finally {
  await browser.close();
}
process.exit(0);
