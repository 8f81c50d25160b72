export default async function ({ open }) {
  const page = await open("/");
  return page.evaluate(async () => {
    const { GROUPS, CHECKS } = await import("/fields.js");
    return { groups: GROUPS, checks: CHECKS };
  });
}
