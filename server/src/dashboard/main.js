// The page as a whole: it keeps what the server says, and shows the proxy that is chosen.

const EVERY = 1_000;
const AGAIN = 1_000;
const SOON = 100;

const state = {
  proxies: new Map(),
  series: new Map(),
  connections: [],
  chosen: null,
  creating: false,
  lastEvent: null,
};

const items = new Map();
const faults = new Faults();
const trouble = { tell: (error) => showTrouble(error.message), clear: () => showTrouble('') };
let panel = null;
let form = null;

function showTrouble(text) {
  at('trouble').hidden = !text;
  write(at('trouble'), sentence(text));
}

const hash = () => {
  const text = location.hash.startsWith('#proxy=') ? location.hash.slice('#proxy='.length) : null;
  try {
    return text === null ? null : decodeURIComponent(text);
  } catch {
    return null;
  }
};

function choose(name) {
  state.chosen = name;
  state.creating = false;
  state.connections = [];
  history.replaceState(null, '', `#proxy=${encodeURIComponent(name)}`);
  show();
  panel?.title.focus();
  refresh();
}

function show() {
  const { proxies } = state;
  if (!proxies.has(state.chosen)) state.chosen = proxies.has(hash()) ? hash() : (proxies.keys().next().value ?? null);
  at('nav').hidden = !proxies.size;
  at('aside').hidden = !proxies.size && at('faults').hidden;
  at('calm').hidden = ![...proxies.values()].some((proxy) => proxy.rules.length);
  const line = (proxy) => ({ proxy, chosen: proxy.name === state.chosen && !state.creating, flow: state.series.get(proxy.name)?.flow.at(-1) });
  keep(at('proxies'), items, [...proxies.values()].map(line), ({ proxy }) => proxy.name, ({ proxy }) => new ProxyItem(proxy.name, choose));
  const proxy = proxies.get(state.chosen);
  if (state.creating || !proxy) {
    form ??= new ProxyForm(created, () => choose(state.chosen));
    form.show(proxies);
    replace(form.element);
    panel = null;
    return;
  }
  if (panel?.proxy.name !== proxy.name) panel = new ProxyPanel(proxy, refresh);
  panel.show(proxy, state.series.get(proxy.name), state.connections);
  replace(panel.element);
}

function replace(element) {
  if (at('main').firstElementChild !== element) at('main').replaceChildren(element);
}

async function created(proxy) {
  state.proxies.set(proxy.name, proxy);
  choose(proxy.name);
  say(`proxy ${proxy.name} listens on ${proxy.addresses.join(' and ')}`);
}

let asking = null;
let stale = false;

/** Asks for everything that is shown, and shows it; once more if somebody has changed something meanwhile. */
function refresh() {
  stale = true;
  asking ??= askAll().finally(() => {
    asking = null;
  });
  return asking;
}

async function askAll() {
  try {
    for (let skipped = false; stale; skipped = true) {
      stale = false;
      await askOnce();
      // What is old already would undo a click on the page for a moment.
      if (!stale || skipped) show();
    }
    showTrouble('');
  } catch (error) {
    if (error.status === 401) askForToken(error);
    else if (error.status) showTrouble(error.message);
  }
}

async function askOnce() {
  const { proxies } = await ask('GET', '/v1/proxies');
  state.proxies = new Map(proxies.map((proxy) => [proxy.name, proxy]));
  await measure();
  const { chosen } = state;
  if (!state.proxies.has(chosen) || state.creating) return;
  // The proxy may have gone since.
  const { connections } = await ask('GET', pathOf(chosen, 'connections')).catch(() => ({ connections: [] }));
  if (state.chosen === chosen) state.connections = connections;
}

/** Takes a sample of all counters. */
async function measure() {
  const { proxies } = await ask('GET', '/v1/counters');
  const when = performance.now();
  const names = new Set(proxies.map((one) => one.name));
  for (const name of state.series.keys()) if (!names.has(name)) state.series.delete(name);
  for (const counted of proxies) {
    if (!state.series.has(counted.name)) state.series.set(counted.name, new Series());
    state.series.get(counted.name).add(counted, when);
  }
}

/** Keeps an eye on the events as long as the page is there, also after the server was restarted. */
async function watch() {
  for (;;) {
    try {
      await listen(state.lastEvent, connected, told);
    } catch (error) {
      if (error.status === 401) return askForToken(error);
      if (error.status) showTrouble(error.message);
    }
    setState('not connected, tries again', 'lost');
    await new Promise((done) => setTimeout(done, AGAIN));
  }
}

async function connected() {
  setState('connected', 'live');
  showTrouble('');
  refresh();
  const { seed, version } = await ask('GET', '/v1').catch(() => ({}));
  if (seed !== undefined) setState(`connected to version ${version}, seed ${seed}`, 'live');
}

/** Asks again after a while: events may come by the thousand. */
let due = null;
function refreshSoon() {
  due ??= setTimeout(() => {
    due = null;
    refresh();
  }, SOON);
}

function told(kind, data, id) {
  if (id) state.lastEvent = id;
  if (kind === 'made') faults.add(data);
  else if (kind === 'missed') faults.missed(data.faults);
  // As many as there are faults, and they change nothing that is shown.
  else if (kind !== 'landed') {
    if (kind === 'ended') faults.note(`rule ${data.rule} of ${titleOf(data.proxy ?? '')} has ${data.what}`);
    if (kind === 'reloaded') faults.note('the file of proxies was read again');
    if (kind === 'reload-failed') faults.note(`the file of proxies cannot be used, and all is as before: ${data.error}`);
    refreshSoon();
  }
}

function setState(text, kind) {
  write(at('state'), text);
  at('state').className = kind;
}

/** Asks for the token: it is kept until this tab is closed, and nowhere else. */
function askForToken(problem) {
  if (document.querySelector('.token')) return;
  setState('waits for the token', 'lost');
  const wrong = new Trouble();
  if (token.get()) wrong.tell(problem);
  const input = make('input', { id: 'token', type: 'password', autocomplete: 'off', required: true });
  const enter = (event) => {
    event.preventDefault();
    token.set(input.value.trim());
    begin();
  };
  const label = make('label', { for: 'token' }, 'Token');
  const help = make('span', { className: 'help' }, 'It is what --api-token-file or CHENAPAN_API_TOKEN says. It is kept until this tab is closed.');
  const button = make('p', { className: 'bar' }, make('button', { type: 'submit', className: 'main' }, 'Go on'));
  const field = make('div', { className: 'option' }, label, make('span', { className: 'inputs' }, input), help);
  replace(make('form', { className: 'token', onsubmit: enter }, make('h2', {}, 'This server wants a token'), field, button, wrong.element));
  for (const id of ['nav', 'aside', 'calm']) at(id).hidden = true;
  input.focus();
}

async function calm() {
  trouble.clear();
  try {
    for (const proxy of state.proxies.values()) {
      for (const rule of proxy.rules) if (tables.behaviors.has(rule.behavior)) remembered.keep(proxy.name, rule);
      if (proxy.rules.length) await ask('DELETE', pathOf(proxy.name, 'rules'));
    }
    say('all rules are off');
  } catch (error) {
    trouble.tell(error);
  }
  await refresh();
}

let ticking = null;
async function begin() {
  try {
    await loadTables();
  } catch (error) {
    if (error.status === 401) {
      document.querySelector('.token')?.remove();
      return askForToken(error);
    }
    setState('not connected, tries again', 'lost');
    return setTimeout(begin, AGAIN);
  }
  watch();
  ticking ??= setInterval(() => document.hidden || document.querySelector('.token') || refresh(), EVERY);
}

at('calm').addEventListener('click', calm);
at('new').addEventListener('click', () => {
  state.creating = true;
  show();
  form.title.focus();
});
addEventListener('hashchange', () => state.proxies.has(hash()) && choose(hash()));
begin();
