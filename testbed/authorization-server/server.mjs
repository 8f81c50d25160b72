// An authorization server for tests: oidc-provider with two users, three agents and pages of its own.
//
//   node server.mjs '{"resources":["http://127.0.0.1:8080"],"scopes":["invoices:read"]}'
//
// It listens on a free loopback port, prints one JSON line with its issuer and its clients, and protects nothing: the
// passwords are below.

import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider, interactionPolicy } from 'oidc-provider';
import { Interactions } from './interactions.mjs';
import { MFA, PASSWORD } from './people.mjs';

// oidc-provider's advice about production use goes to stdout, where only our one line shall be.
console.info = console.error;

const MINUTES = 60;
/** The longest that a token of the courier lives: short enough for a test to outwait it. */
const COURIER_SECONDS = 1;

const { resources, scopes } = JSON.parse(process.argv[2] ?? '{}');
if (!Array.isArray(resources) || !Array.isArray(scopes)) {
  console.error('expected {"resources":[...],"scopes":[...]} as the only argument');
  process.exit(2);
}

const clients = {
  // A program on the user's machine: it can't keep a secret, so PKCE and its DPoP key are all it has.
  researcher: {
    client_id: 'researcher',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    redirect_uris: ['http://127.0.0.1/callback'],
    dpop_bound_access_tokens: true,
  },
  planner: machine('planner'),
  courier: machine('courier'),
};

function machine(name) {
  return {
    client_id: name,
    client_secret: randomBytes(32).toString('base64url'),
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(jwk.x).digest('base64url').slice(0, 16);
  return { ...jwk, kid, alg: 'ES256', use: 'sig' };
}

/** Asks for another login when the session's level is none of those that the client asked for. */
function policy() {
  const { Check, base } = interactionPolicy;
  const prompts = base();
  const asksForMore = ({ oidc }) => {
    const wanted = oidc.params.acr_values?.split(' ') ?? [];
    return wanted.length > 0 && !wanted.includes(oidc.acr);
  };
  prompts
    .get('login')
    .checks.add(new Check('acr_values', 'another authentication level was requested', asksForMore));
  return prompts;
}

/** What a user's token says of the login, and of the agent that acts for the user (RFC 8693 section 4.1). */
function loginAndActor(ctx, token) {
  const code = ctx.oidc.entities.AuthorizationCode;
  if (token.kind !== 'AccessToken' || code === undefined) return undefined;
  return { acr: code.acr, auth_time: code.authTime, act: { sub: token.clientId } };
}

function configuration() {
  return {
    clients: Object.values(clients),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomUUID()] },
    scopes: ['openid'],
    acrValues: [PASSWORD, MFA],
    pkce: { required: () => true },
    interactions: { policy: policy(), url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    extraTokenClaims: loginAndActor,
    ttl: {
      AccessToken: 5 * MINUTES,
      AuthorizationCode: MINUTES,
      ClientCredentials: (ctx, token, client) => (client.clientId === 'courier' ? COURIER_SECONDS : 5 * MINUTES),
      Grant: 60 * MINUTES,
      IdToken: 5 * MINUTES,
      Interaction: 5 * MINUTES,
      Session: 60 * MINUTES,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(ctx, resource) {
          if (!resources.includes(resource)) throw new Error(`unknown resource ${resource}`);
          return { scope: scopes.join(' '), accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
        },
      },
    },
  };
}

let handler;
const server = createServer((request, response) => handler(request, response));
server.listen(0, '127.0.0.1', () => {
  // The issuer is named after the port, so there is no provider before there is a port.
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  provider.on('server_error', (ctx, error) => console.error(error));
  const interactions = new Interactions(provider);
  const protocol = provider.callback();
  handler = (request, response) =>
    request.url.startsWith('/interaction/')
      ? interactions.handle(request, response)
      : protocol(request, response);
  console.log(JSON.stringify({ issuer, clients }));
});

process.on('SIGTERM', () => process.exit(0));
