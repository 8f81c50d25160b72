// The pages between a request for authorization and its answer: password, code, consent.

import { MFA, PASSWORD, PEOPLE } from './people.mjs';

export class Interactions {
  #provider;
  /** Who gave a good password and still owes the code, by interaction. */
  #halfway = new Map();

  constructor(provider) {
    this.#provider = provider;
  }

  async handle(request, response) {
    try {
      const details = await this.#provider.interactionDetails(request, response);
      const result = request.method === 'POST' ? await this.#answer(details, await form(request)) : undefined;
      if (result) {
        await this.#provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
      } else {
        page(response, this.#question(details));
      }
    } catch (error) {
      console.error(error);
      response.writeHead(400, { 'content-type': 'text/plain' }).end(`${error.message}\n`);
    }
  }

  #question({ uid, prompt, params }) {
    if (prompt.name === 'consent') {
      const asked = Object.entries(prompt.details.missingResourceScopes ?? {});
      const wanted = asked.map(([resource, scopes]) => `<li>${text(scopes.join(' '))} at ${text(resource)}</li>`);
      return `<h1>May ${text(params.client_id)} act for you?</h1><ul>${wanted.join('')}</ul>
        <form method="post"><button name="consent" value="yes">Yes</button>
        <button name="consent" value="no">No</button></form>`;
    }
    if (this.#halfway.has(uid)) {
      return '<h1>Your code</h1><form method="post"><input name="code"><button>Go on</button></form>';
    }
    return `<h1>Log in</h1><form method="post"><input name="user"><input name="password" type="password">
      <button>Go on</button></form>`;
  }

  /** The result of the interaction, or nothing while there is more to ask. */
  async #answer(details, answers) {
    const { uid, prompt, params } = details;
    if (prompt.name === 'consent') return this.#consent(details, answers.get('consent'));

    const halfway = this.#halfway.get(uid);
    if (halfway === undefined) {
      const user = answers.get('user');
      if (!Object.hasOwn(PEOPLE, user) || PEOPLE[user].password !== answers.get('password')) return undefined;
      if (!params.acr_values?.split(' ').includes(MFA)) return { login: { accountId: user, acr: PASSWORD } };
      this.#halfway.set(uid, user);
      return undefined;
    }
    if (PEOPLE[halfway].code !== answers.get('code')) return undefined;
    this.#halfway.delete(uid);
    return { login: { accountId: halfway, acr: MFA } };
  }

  async #consent({ prompt, params, session, grantId }, consent) {
    if (consent !== 'yes') {
      return { error: 'access_denied', error_description: 'The user said no' };
    }
    const { Grant } = this.#provider;
    const grant = grantId
      ? await Grant.find(grantId)
      : new Grant({ accountId: session.accountId, clientId: params.client_id });
    const { missingOIDCScope = [], missingResourceScopes = {} } = prompt.details;
    if (missingOIDCScope.length > 0) grant.addOIDCScope(missingOIDCScope.join(' '));
    for (const [resource, scopes] of Object.entries(missingResourceScopes)) {
      grant.addResourceScope(resource, scopes.join(' '));
    }
    return { consent: { grantId: await grant.save() } };
  }
}

async function form(request) {
  let body = '';
  for await (const part of request) body += part;
  return new URLSearchParams(body);
}

function page(response, body) {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`<!doctype html><title>hopgate testbed</title>${body}\n`);
}

function text(value) {
  return value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
