// Plays one scenario against a protected resource, as an agent on a standard OAuth library does.
//
//   node client.mjs '{"scenario":"user","resource":"http://127.0.0.1:8080","clients":{...},"elsewhere":"https://..."}'
//
// `clients` is from the line that server.mjs prints; `elsewhere` is another resource of that server. Each answer prints
// one JSON line, and the end is `{"step":"end"}`. It is reached whatever the resource answered: what the answers should
// have been is the caller's to judge. Only what keeps the scenario from going on ends it early, with a word on stderr.

import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, claims, discover, header, sendAgain, tell, tellAnswer } from './agent.mjs';

const LIST = { path: '/invoices' };
const BOUND = { path: '/bound' };
const REFUND = { method: 'POST', path: '/invoices/7/refund' };
const RECENT = { path: '/recent' };

const READ = 'invoices:read';
const ALL = 'invoices:read invoices:refund';

const { scenario, resource, clients, elsewhere } = JSON.parse(process.argv[2] ?? '{}');

const scenarios = { discovery, user, agent, step_up: stepUp, refused };

async function playing(name) {
  const { server } = await discover(resource);
  return new Agent(server, clients[name], resource);
}

function tellToken(step, token) {
  const said = { header: header(token.access_token), claims: claims(token.access_token) };
  tell(step, { ...said, token_type: token.token_type, asked: token.asked });
}

/** Knowing nothing but the resource's URL. */
async function discovery() {
  await tellAnswer('no_token', await fetch(new URL(LIST.path, resource)), {});
  const { url, metadata, server } = await discover(resource);
  tell('metadata', { url, body: metadata });
  tell('server', { issuer: server.issuer, token_endpoint: server.token_endpoint });
}

/** A person lets an agent act, and a thief gets hold of what the agent sends. */
async function user() {
  const researcher = await playing('researcher');
  const key = await researcher.key();
  const alice = { user: 'alice', scope: READ, key };

  try {
    await researcher.tokenOfUser({ ...alice, consent: 'no' });
    tell('no_consent', { error: null });
  } catch (error) {
    tell('no_consent', { error: error.error });
  }

  const token = await researcher.tokenOfUser(alice);
  tellToken('token', token);
  const call = { ...LIST, token: token.access_token, key };
  const { sent } = await researcher.call('call', call);
  await researcher.call('call_again', call);

  await sendAgain('same_proof', sent);
  await researcher.call('as_bearer', { ...LIST, token: token.access_token });
  await researcher.call('other_key', { ...call, key: await researcher.key() });
  await researcher.call('other_url', { ...call, provenUrl: new URL('/other', resource) });
  await sendAgain('other_method', { ...sent, method: 'HEAD' });
  await sendAgain('no_proof', { ...sent, headers: { authorization: sent.headers.authorization } });
  const other = await researcher.tokenOfUser(alice);
  const authorization = `DPoP ${other.access_token}`;
  await sendAgain('other_token', { ...sent, headers: { ...sent.headers, authorization } });
  await researcher.call('id_token', { ...LIST, token: token.id_token });
}

/** An agent on its own behalf, with a plain token and a bound one. */
async function agent() {
  const planner = await playing('planner');
  const plain = await planner.tokenOfItself({ scope: READ });
  tellToken('plain_token', plain);
  await planner.call('plain', { ...LIST, token: plain.access_token });
  await planner.call('plain_where_bound', { ...BOUND, token: plain.access_token });

  const key = await planner.key();
  await planner.call('plain_as_dpop', { ...LIST, token: plain.access_token, key });

  const bound = await planner.tokenOfItself({ scope: READ, key });
  tellToken('bound_token', bound);
  await planner.call('bound', { ...BOUND, token: bound.access_token, key });
}

/** RFC 9470: the resource asks for a better login, then for a newer one; the agent reads how and gets it. */
async function stepUp() {
  const researcher = await playing('researcher');
  const key = await researcher.key();
  const alice = { user: 'alice', scope: ALL, key };

  const weak = await researcher.tokenOfUser(alice);
  tellToken('weak_token', weak);
  const refused = await researcher.call('weak', { ...REFUND, token: weak.access_token, key });

  const strong = await researcher.tokenOfUser({ ...alice, more: askedFor(refused.challenges) });
  tellToken('strong_token', strong);
  await researcher.call('strong', { ...REFUND, token: strong.access_token, key });

  // The resource takes a login of the last three seconds there. `auth_time` has whole ones.
  await sleep(4100);
  const old = await researcher.call('old', { ...RECENT, token: strong.access_token, key });
  const renewed = await researcher.tokenOfUser({ ...alice, more: askedFor(old.challenges) });
  tellToken('renewed_token', renewed);
  await researcher.call('renewed', { ...RECENT, token: renewed.access_token, key });
}

/** The parameters of the challenge, as parameters of a request for authorization (RFC 9470 section 4). */
function askedFor(challenges) {
  const challenge = challenges.find(({ parameters }) => parameters.error === 'insufficient_user_authentication');
  if (challenge === undefined) throw new Error(`no step-up challenge in ${JSON.stringify(challenges)}`);
  const { acr_values, max_age } = challenge.parameters;
  return { ...(acr_values && { acr_values }), ...(max_age && { max_age }) };
}

/** Good tokens of the same server that are not good here. */
async function refused() {
  const planner = await playing('planner');
  const key = await planner.key();
  const abroad = await planner.tokenOfItself({ scope: READ, resource: elsewhere });
  tellToken('abroad_token', abroad);
  await planner.call('abroad', { ...LIST, token: abroad.access_token });

  const narrow = await planner.tokenOfItself({ scope: READ, key });
  const { challenges } = await planner.call('narrow', { ...REFUND, token: narrow.access_token, key });
  const { scope } = challenges.find(({ parameters }) => parameters.error === 'insufficient_scope').parameters;
  const wider = await planner.tokenOfItself({ scope, key });
  tellToken('wider_token', wider);
  // Nobody logged in for this token, so it says nothing of a login.
  await planner.call('wider', { ...REFUND, token: wider.access_token, key });

  const courier = await playing('courier');
  const brief = await courier.tokenOfItself({ scope: READ });
  const { exp } = claims(brief.access_token);
  await sleep(Math.max(0, exp * 1000 - Date.now()) + 1100);
  await courier.call('expired', { ...LIST, token: brief.access_token });
}

if (!Object.hasOwn(scenarios, scenario)) {
  console.error(`found scenario ${scenario}, expected one of ${Object.keys(scenarios).join(', ')}`);
  process.exit(2);
}
await scenarios[scenario]();
tell('end', {});
