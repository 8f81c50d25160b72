export default async function ({ open }) {
  const page = await open("/");
  return page.evaluate(async () => {
    const [fields, decision, records] = await Promise.all(["fields", "decision", "records"].map((name) => import(`/${name}.js`)));
    return {
      groups: fields.GROUPS,
      checks: fields.CHECKS,
      verdicts: Object.keys(decision.VERDICTS),
      most: records.MOST,
      parts: [...document.querySelectorAll("h2")].map(({ textContent }) => textContent),
    };
  });
}
