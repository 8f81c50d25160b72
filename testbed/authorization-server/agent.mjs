// An agent on oauth4webapi: how it learns where to go, gets its tokens, and calls a resource.

import * as oauth from 'oauth4webapi';
import { Browser } from './browser.mjs';

/** Everything here is on loopback, where http is as good as https. */
const ON_LOOPBACK = { [oauth.allowInsecureRequests]: true };

/** One line of JSON: what was done, and what came of it. */
export function tell(step, facts) {
  console.log(JSON.stringify({ step, ...facts }));
}

/** What the resource says of itself (RFC 9728), and the authorization server that it names (RFC 8414). */
export async function discover(resource) {
  const url = new URL(resource);
  const answer = await oauth.resourceDiscoveryRequest(url, ON_LOOPBACK);
  const metadata = await oauth.processResourceDiscoveryResponse(url, answer);
  const issuer = new URL(metadata.authorization_servers[0]);
  const found = await oauth.discoveryRequest(issuer, { ...ON_LOOPBACK, algorithm: 'oauth2' });
  const server = await oauth.processDiscoveryResponse(issuer, found);
  return { url: answer.url, metadata, server };
}

export class Agent {
  browser = new Browser();
  #server;
  #client;
  #authentication;
  #resource;

  constructor(server, client, resource) {
    this.#server = server;
    this.#client = client;
    this.#authentication = client.client_secret ? oauth.ClientSecretBasic(client.client_secret) : oauth.None();
    this.#resource = resource;
  }

  /** A key of its own to prove; nonces are remembered with it. */
  async key() {
    return oauth.DPoP(this.#client, await oauth.generateKeyPair('ES256'));
  }

  /**
   * A token for `user` by authorization code, PKCE and DPoP.
   *
   * `more` are further parameters of the request, such as those of a step-up challenge.
   */
  async tokenOfUser({ user, scope, key, consent = 'yes', more = {} }) {
    const [redirectUri] = this.#client.redirect_uris;
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const request = new URL(this.#server.authorization_endpoint);
    request.search = new URLSearchParams({
      client_id: this.#client.client_id,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: `openid ${scope}`,
      resource: this.#resource,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      dpop_jkt: await key.calculateThumbprint(),
      state,
      nonce,
      ...more,
    });
    const { callback, asked } = await this.browser.authorize(request, redirectUri, { user, consent });
    const parameters = oauth.validateAuthResponse(this.#server, this.#client, callback, state);
    const answer = await this.#withNonce(
      () =>
        oauth.authorizationCodeGrantRequest(
          this.#server,
          this.#client,
          this.#authentication,
          parameters,
          redirectUri,
          verifier,
          { ...ON_LOOPBACK, DPoP: key, additionalParameters: { resource: this.#resource } },
        ),
      (response) =>
        oauth.processAuthorizationCodeResponse(this.#server, this.#client, response, {
          expectedNonce: nonce,
          maxAge: more.max_age === undefined ? undefined : Number(more.max_age),
        }),
    );
    return { ...answer, asked };
  }

  /** A token of the agent's own; bound to `key` where there is one. */
  async tokenOfItself({ scope, key, resource = this.#resource }) {
    return this.#withNonce(
      () =>
        oauth.clientCredentialsGrantRequest(
          this.#server,
          this.#client,
          this.#authentication,
          { scope, resource },
          { ...ON_LOOPBACK, DPoP: key },
        ),
      (response) => oauth.processClientCredentialsResponse(this.#server, this.#client, response),
    );
  }

  /** RFC 9449 section 8: the first answer may hold a nonce to come back with. */
  async #withNonce(ask, read) {
    try {
      return await read(await ask());
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error;
      return read(await ask());
    }
  }

  /**
   * Calls `path` and tells each answer as a line `step`. With a key as a DPoP call, which comes back with the nonce
   * once it is asked for one (RFC 9449 section 9); else as Bearer.
   *
   * Gives the last answer, its challenges as the library reads them, and the request as it was sent.
   */
  async call(step, { method = 'GET', path, token, key, provenUrl }) {
    const url = new URL(path, this.#resource);
    for (let attempt = 1; ; attempt += 1) {
      let sent;
      const send = (signed, init) => {
        // The proof is made for the URL that the library was given; it is sent to the one that was meant.
        sent = { url, method: init.method, headers: Object.fromEntries(new Headers(init.headers)) };
        return fetch(url, init);
      };
      const options = { ...ON_LOOPBACK, DPoP: key, [oauth.customFetch]: send };
      let response;
      let challenges = [];
      let again = false;
      try {
        const signed = provenUrl ?? url;
        response = await oauth.protectedResourceRequest(token, method, signed, undefined, null, options);
      } catch (error) {
        if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
        ({ response, cause: challenges } = error);
        again = oauth.isDPoPNonceError(error) && attempt === 1;
      }
      await tellAnswer(step, response, { attempt, challenges });
      if (!again) return { response, challenges, sent };
    }
  }
}

/** Sends a request once more, byte for byte as the thief of it would. */
export async function sendAgain(step, { url, method, headers }) {
  await tellAnswer(step, await fetch(url, { method, headers }), { attempt: 1 });
}

export async function tellAnswer(step, response, facts) {
  const text = await response.text();
  tell(step, {
    status: response.status,
    www_authenticate: response.headers.get('www-authenticate'),
    dpop_nonce: response.headers.get('dpop-nonce'),
    cache_control: response.headers.get('cache-control'),
    decision_id: response.headers.get('x-hopgate-decision-id'),
    body: parsed(text),
    ...facts,
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The payload of a JWT, unverified: for telling what a token says. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

export function header(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
}
