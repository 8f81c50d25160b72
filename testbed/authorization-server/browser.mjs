// The user's browser, as far as a login needs one: cookies, redirects, and the forms of interactions.mjs.

import { PEOPLE } from './people.mjs';

/** More than any login takes; a loop of redirects ends here. */
const MOST_PAGES = 20;

export class Browser {
  /** Each with the path it is for, as the server said. */
  #cookies = [];

  /**
   * Goes where the agent sends the user, answers what is asked, and gives the URL that leads back to the agent.
   *
   * `consent` is 'yes' or 'no'. `asked` gets a word for each form, so that a test can see what the user had to do.
   */
  async authorize(start, redirectUri, { user, consent }) {
    const asked = [];
    let response = await this.#open(start);
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const location = response.headers.get('location');
      if (location === null) {
        const fields = await this.#answers(response, { user, consent });
        asked.push(Object.keys(fields).at(-1));
        response = await this.#open(response.url, new URLSearchParams(fields));
        continue;
      }
      const next = new URL(location, response.url);
      if (next.href.startsWith(redirectUri)) return { callback: next, asked };
      response = await this.#open(next);
    }
    throw new Error(`no way back to the agent after ${MOST_PAGES} pages`);
  }

  async #answers(response, { user, consent }) {
    const html = await response.text();
    if (response.status !== 200) throw new Error(`${response.url} answered ${response.status}: ${html}`);
    if (html.includes('name="password"')) return { user, password: PEOPLE[user].password };
    if (html.includes('name="code"')) return { code: PEOPLE[user].code };
    if (html.includes('name="consent"')) return { consent };
    throw new Error(`no form that is known: ${html}`);
  }

  async #open(url, body) {
    const target = new URL(url);
    const sent = this.#cookies.filter(({ path }) => target.pathname.startsWith(path));
    const response = await fetch(target, {
      method: body ? 'POST' : 'GET',
      body,
      redirect: 'manual',
      headers: { cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; ') },
    });
    response.headers.getSetCookie().forEach((line) => this.#keep(line));
    return response;
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(/;\s*/);
    const [name, value] = pair.split(/=(.*)/s);
    const attribute = (wanted) =>
      attributes.map((text) => text.split('=')).find(([key]) => key.toLowerCase() === wanted)?.[1];
    const path = attribute('path') ?? '/';
    this.#cookies = this.#cookies.filter((cookie) => cookie.name !== name || cookie.path !== path);
    const expires = attribute('expires');
    if (expires === undefined || Date.parse(expires) > Date.now()) this.#cookies.push({ name, value, path });
  }
}
