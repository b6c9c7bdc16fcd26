// The API: requests with the token, problems as errors, and events that go on after a restart.

const TOKEN = 'chenapan-token';
const PATIENCE = 10_000;

/** An error of a request, in the server's words. */
class Problem extends Error {
  constructor(status, detail, field) {
    super(detail);
    this.status = status;
    this.field = field ?? '';
  }
}

const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (text) => sessionStorage.setItem(TOKEN, text),
};

/** Path of something below a proxy; one without a name is `-`. */
function pathOf(proxy, ...rest) {
  return ['/v1/proxies', proxy || '-', ...rest].map((part, at) => (at ? encodeURIComponent(part) : part)).join('/');
}

async function send(method, path, { body, signal, headers = {} } = {}) {
  const secret = token.get();
  const all = secret ? { ...headers, Authorization: `Bearer ${secret}` } : headers;
  const text = body === undefined ? undefined : JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, { method, body: text, headers: all, signal, cache: 'no-store' });
  } catch (error) {
    const late = error.name === 'TimeoutError';
    throw new Problem(0, late ? 'the server does not answer in time' : 'the server cannot be reached');
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.detail ?? `the server answers with status ${response.status}`, problem.field);
}

/** Asks the server, and returns what it answers: an object, or nothing. */
async function ask(method, path, body) {
  const response = await send(method, path, { body, signal: AbortSignal.timeout(PATIENCE) });
  return response.status === 204 ? null : response.json();
}

/** Calls `told` with each event of the stream, from the one behind `after`, until the stream ends. */
async function listen(after, opened, told) {
  const headers = { Accept: 'text/event-stream', ...(after ? { 'Last-Event-ID': after } : {}) };
  const response = await send('GET', '/v1/events', { headers });
  opened();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { id: '', event: 'message', data: '' };
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
      }
      if (event.data) told(event.event, JSON.parse(event.data), event.id);
    }
  }
}
