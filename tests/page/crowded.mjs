export default async function ({ open, ask, expect }) {
  await ask("crowd");
  const page = await open("/");
  const states = [];
  const until = async (state) => {
    await expect(page, (wanted) => document.querySelector("#connection").textContent === wanted, state);
    states.push(state);
  };
  await until("Reconnecting");
  await ask("disperse");
  await until("Live");
  return states;
}
