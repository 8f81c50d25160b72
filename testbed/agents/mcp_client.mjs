// Plays what mcp_client.py plays, with the SDK for TypeScript, and prints the same lines.
//
//   node mcp_client.mjs '{"url":"http://127.0.0.1:8080/mcp","mode":"auto","token":"…","steps":[["list_tools"],…]}'

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** Far longer than an answer takes, in milliseconds: a client that hangs is one that reports nothing. */
const timeout = 10_000;

const { url, mode, token, steps } = JSON.parse(process.argv[2] ?? '{}');
const headers = new Headers(token ? { authorization: `Bearer ${token}` } : {});
let wire = [];

/** The HTTP client that the SDK lets its user bring. */
async function seen(target, init = {}) {
  const all = new Headers(init.headers);
  headers.forEach((value, name) => all.set(name, value));
  const response = await fetch(target, { ...init, headers: all });
  const line = { method: init.method ?? 'GET', status: response.status };
  if (init.body) line.rpc = JSON.parse(init.body).method;
  if (!response.ok) line.headers = Object.fromEntries(response.headers);
  wire.push(line);
  return response;
}

function report(step, said) {
  console.log(JSON.stringify({ step, ...said, http: wire }));
  wire = [];
}

/** What an exception says: the SDK's own have a code and data, and one of them the scopes that it read. */
function told({ constructor, message, code, data, requiredScope }) {
  return { error: { type: constructor.name, message, code, data, requiredScope } };
}

const methods = {
  list_tools: (client) => client.listTools({}, { timeout }),
  list_prompts: (client) => client.listPrompts({}, { timeout }),
  call_tool: (client, name, values) => client.callTool({ name, arguments: values }, { timeout }),
  get_prompt: (client, name, values) => client.getPrompt({ name, arguments: values }, { timeout }),
  read_resource: (client, uri) => client.readResource({ uri }, { timeout }),
};

async function play(client) {
  for (const [step, ...values] of steps) {
    if (step === 'token') {
      headers.set('authorization', `Bearer ${values[0]}`);
      continue;
    }
    const name = [step, ...values.filter((value) => typeof value === 'string')].join(' ');
    try {
      report(name, { result: await methods[step](client, ...values) });
    } catch (error) {
      report(name, told(error));
    }
  }
}

const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: seen });
const client = new Client({ name: 'hopgate-testbed', version: '1' }, { versionNegotiation: { mode } });
try {
  await client.connect(transport, { timeout });
  report('connect', { result: { revision: client.getNegotiatedProtocolVersion?.() } });
  await play(client);
  if (transport.sessionId) await transport.terminateSession();
  await client.close();
  report('close', { result: {} });
} catch (error) {
  report('connect', told(error));
}
console.log(JSON.stringify({ step: 'end' }));
process.exit(0);
