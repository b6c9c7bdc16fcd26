// Proxies: the list of them, the form for a new one, and the panel of the one that is chosen.

const titleOf = (name) => name || '(no name)';

/** Line of a proxy in the list. */
class ProxyItem {
  constructor(name, choose) {
    this.facts = make('span', { className: 'facts' });
    this.button = make('button', { type: 'button', className: 'proxy', onclick: () => choose(name) }, make('span', { className: 'name' }, titleOf(name)), this.facts);
    this.element = make('li', {}, this.button);
  }

  show({ proxy, chosen, flow }) {
    const rules = proxy.rules.length ? `, ${plural(proxy.rules.length, 'rule')}` : '';
    const [up, down] = flow ?? [0, 0];
    write(this.facts, proxy.enabled ? `${proxy.open} open${rules}, ${bytesText(up + down)}/s` : `off${rules}`);
    this.button.classList.toggle('faulty', proxy.enabled && proxy.rules.length > 0);
    this.button.ariaCurrent = chosen ? 'true' : null;
  }
}

/** Form for a new proxy. */
class ProxyForm {
  constructor(created, cancelled) {
    this.created = created;
    this.trouble = new Trouble();
    this.fields = {};
    const field = (name, label, placeholder, help) => {
      const id = fresh('field');
      const input = make('input', { id, type: 'text', placeholder, autocomplete: 'off', autocapitalize: 'off', spellcheck: false, 'aria-describedby': `${id}-help` });
      this.fields[name] = input;
      return make('div', { className: 'option' }, make('label', { for: id }, label), make('span', { className: 'inputs' }, input), make('span', { className: 'help', id: `${id}-help` }, help));
    };
    const id = fresh('protocol');
    this.protocol = make('select', { id, onchange: () => this.choose() }, ...[...tables.protocols.keys()].map((name) => make('option', { value: name }, name)));
    this.protocol.value = 'tcp';
    this.about = make('span', { className: 'help' });
    this.options = make('div', {});
    this.title = make('h2', { tabIndex: -1 }, 'New proxy');
    this.cancel = make('button', { type: 'button', className: 'quiet', onclick: cancelled }, 'Cancel');
    const form = make(
      'form',
      { onsubmit: (event) => this.create(event), noValidate: true },
      field('backend', 'Backend', '127.0.0.1:6379', 'Address of the service, with its port.'),
      field('listen', 'Listen', 'a free port of 127.0.0.1', 'Address for clients. It may be left empty.'),
      field('name', 'Name', 'made up', 'It may be left empty.'),
      make('div', { className: 'option' }, make('label', { for: id }, 'Protocol'), make('span', { className: 'inputs' }, this.protocol), this.about),
      this.options,
      make('p', { className: 'bar' }, make('button', { type: 'submit', className: 'main' }, 'Start the proxy'), this.cancel),
      this.trouble.element,
    );
    this.hint = make('p', { className: 'hint' });
    this.element = make('section', { className: 'create' }, this.title, this.hint, form);
    this.choose();
  }

  show(proxies) {
    this.cancel.hidden = !proxies.size;
    this.proxies = proxies;
    write(this.hint, proxies.size ? '' : 'No proxy yet. Say where your service listens: the proxy stands before it, and clients connect to the proxy.');
    this.hint.hidden = proxies.size > 0;
  }

  choose() {
    const protocol = tables.protocols.get(this.protocol.value);
    write(this.about, protocol.summary);
    this.form = new OptionForm([], [{ title: `Options of ${protocol.name}`, specs: protocol.options }], () => this.form.blame(''));
    this.options.replaceChildren(this.form.element);
  }

  madeUp() {
    for (let at = 1; ; at += 1) {
      if (!this.proxies.has(`proxy-${at}`)) return `proxy-${at}`;
    }
  }

  async create(event) {
    event.preventDefault();
    const text = (name) => this.fields[name].value.trim();
    const values = this.form.values;
    const body = {
      name: text('name') || this.madeUp(),
      backend: text('backend'),
      protocol: Object.keys(values).length ? { [this.protocol.value]: values } : this.protocol.value,
      ...(text('listen') ? { listen: [text('listen')] } : {}),
    };
    try {
      if (!body.backend) throw new Problem(0, 'the backend is missing: write an address such as 127.0.0.1:6379', 'backend');
      const proxy = await ask('POST', '/v1/proxies', body);
      this.trouble.clear();
      for (const input of Object.values(this.fields)) input.value = '';
      this.blame('');
      await this.created(proxy);
    } catch (error) {
      this.trouble.tell(error);
      this.blame(error.field ?? '');
    }
  }

  blame(field) {
    for (const [name, input] of Object.entries(this.fields)) input.ariaInvalid = field.split('.')[0] === name ? 'true' : null;
    this.form.blame(field);
  }
}

/** All of one proxy. */
class ProxyPanel {
  constructor(proxy, refresh) {
    this.proxy = proxy;
    this.refresh = refresh;
    this.trouble = new Trouble();
    this.views = new Map();
    this.title = make('h2', { tabIndex: -1 }, titleOf(proxy.name));
    this.enabled = toggle('Accepts connections', (on) => this.enable(on));
    const removal = () => `Remove it${this.proxy.open ? ` and close ${plural(this.proxy.open, 'connection')}` : ''}?`;
    const remove = async () => {
      await ask('DELETE', pathOf(proxy.name));
      remembered.forgetAll(proxy.name);
      await refresh();
      (panel ?? form)?.title.focus();
    };
    this.removal = grave('Remove proxy', removal, this.trouble, remove, { className: 'quiet' });
    this.addresses = make('code', {});
    this.copy = action('Copy', this.trouble, () => this.copied(), { className: 'quiet', 'aria-label': 'Copy the address for clients' });
    this.backend = make('code', {});
    this.protocol = make('code', {});
    const route = make('p', { className: 'route' }, 'Clients connect to ', this.addresses, ' ', this.copy, ' and reach ', this.backend, ' by ', this.protocol, '.');
    this.figures = make('p', { className: 'figures' });
    this.flow = new Chart('Throughput', ['upstream', 'downstream'], (value) => `${bytesText(value)}/s`);
    this.times = new Chart('Response time', ['mean', 'slowest 1 %'], timeText);
    this.rules = make('ul', { className: 'rules' });
    this.another = new RuleForm(this);
    this.connections = new Connections(this);
    this.element = make(
      'div',
      { className: 'panel' },
      make('div', { className: 'head' }, this.title, this.enabled.label, this.removal),
      this.trouble.element,
      route,
      this.figures,
      make('div', { className: 'charts' }, this.flow.element, this.times.element),
      make('section', {}, make('h3', { tabIndex: -1 }, 'Rules'), this.rules, this.another.element),
      this.connections.element,
    );
  }

  show(proxy, series, connections) {
    this.proxy = proxy;
    if (!this.busy) this.enabled.box.checked = proxy.enabled;
    // A proxy that is off remembers where it has listened.
    const addresses = proxy.enabled ? proxy.addresses : [];
    write(this.addresses, addresses.join(' and ') || 'nothing (it is switched off)');
    // A page that did not come from this machine or over TLS may not copy.
    this.copy.hidden = !addresses.length || !navigator.clipboard;
    write(this.backend, proxy.backend);
    write(this.protocol, proxy.protocol);
    const counters = series?.last?.counters;
    const rate = round(series?.rates.connections ?? 0);
    write(this.figures, counters ? `${plural(counters.accepted, 'connection')} accepted, ${rate}/s now, ${number.format(proxy.open)} open` : '');
    this.flow.show(series?.flow ?? []);
    this.times.show(series?.times ?? []);
    keep(this.rules, this.views, rulesShown(proxy), (rule) => `${rule.behavior} ${rule.name}`, (rule) => new RuleRow(this, rule));
    this.connections.show(connections, proxy);
  }

  async enable(on) {
    this.busy = true;
    this.trouble.clear();
    try {
      await ask('PATCH', pathOf(this.proxy.name), { enabled: on });
    } catch (error) {
      this.trouble.tell(error);
    }
    this.busy = false;
    await this.refresh();
  }

  async copied() {
    await navigator.clipboard.writeText(this.proxy.addresses[0]).catch(() => {
      throw new Problem(0, 'the browser does not let this page copy');
    });
    say('copied');
  }
}
