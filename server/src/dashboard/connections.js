// Connections of a proxy that are open now, with what can be done to each.

/** Most connections that are shown: the oldest and the newest matter, and nobody reads a thousand. */
const MOST_SHOWN = 100;

/** Rates that a connection can be given here, from none to a crawl. */
const RATES = ['off', '1MiB/s', '100KiB/s', '10KiB/s', '1KiB/s', '100B/s'];

class ConnectionRow {
  constructor(panel, { connection }) {
    this.trouble = new Trouble();
    const tell = async (method, path, body) => {
      try {
        await ask(method, pathOf(panel.proxy.name, 'connections', String(connection), ...path), body);
      } catch (error) {
        // It may have ended by itself; the list says so.
        if (error.status !== 404) throw error;
      }
      await panel.refresh();
    };
    const order = (label, work) => action(label, this.trouble, work, { 'aria-label': `${label} connection ${connection}` });
    this.freeze = order('Freeze', () => tell('POST', [this.frozen ? 'thaw' : 'freeze']));
    this.rate = make(
      'select',
      { 'aria-label': `Rate of connection ${connection}` },
      ...RATES.map((rate) => make('option', { value: rate }, rate === 'off' ? 'full speed' : rate)),
      make('option', { value: 'other', hidden: true }, 'another rate'),
    );
    this.rate.addEventListener('change', () => {
      this.trouble.clear();
      tell('POST', ['slow'], { rate: this.rate.value }).catch((error) => this.trouble.tell(error));
    });
    this.connection = connection;
    this.number = make('span', { className: 'number' }, `#${connection}`);
    this.source = make('span', { className: 'source' });
    this.facts = make('span', { className: 'facts' });
    const orders = [this.rate, this.freeze, order('Close', () => tell('DELETE', [])), order('Reset', () => tell('POST', ['reset']))];
    this.element = make('li', { className: 'connection', 'data-connection': connection }, this.number, this.source, this.facts, make('span', { className: 'orders' }, ...orders), this.trouble.element);
  }

  show({ source, age, upstream, downstream, due, faults, frozen, rate }) {
    this.frozen = frozen;
    write(this.source, source ?? 'no address');
    const facts = [timeText(age), `↑ ${bytesText(upstream)}`, `↓ ${bytesText(downstream)}`];
    if (faults) facts.push(plural(faults, 'fault'));
    if (frozen) facts.push('frozen');
    else if (due !== null) facts.push('a rule holds bytes back');
    write(this.facts, facts.join(', '));
    const label = frozen ? 'Thaw' : 'Freeze';
    write(this.freeze, label);
    this.freeze.ariaLabel = `${label} connection ${this.connection}`;
    const known = RATES.find((text) => (rate === null ? text === 'off' : valueOf('rate', text) === rate));
    if (document.activeElement !== this.rate) this.rate.value = known ?? 'other';
  }
}

class Connections {
  constructor(panel) {
    this.panel = panel;
    this.views = new Map();
    this.trouble = new Trouble();
    this.title = make('h3', { tabIndex: -1 }, 'Connections');
    this.empty = make('p', { className: 'hint' });
    this.list = make('ul', { className: 'connections' });
    this.more = make('p', { className: 'hint' });
    const all = () => ask('DELETE', pathOf(panel.proxy.name, 'connections')).then(() => panel.refresh());
    this.all = grave('Close all', () => `Close ${plural(this.count, 'connection')}?`, this.trouble, all, { className: 'quiet' });
    const head = make('div', { className: 'head' }, this.title, this.all);
    this.element = make('section', {}, head, this.trouble.element, this.empty, this.list, this.more);
  }

  show(connections, proxy) {
    this.count = connections.length;
    this.all.hidden = !connections.length;
    write(this.title, connections.length ? `Connections (${number.format(connections.length)})` : 'Connections');
    this.empty.hidden = connections.length > 0;
    const address = proxy.addresses[0];
    write(this.empty, proxy.enabled && address ? `No open connection. Let a client connect to ${address}.` : 'No open connection: the proxy is switched off.');
    const shown = connections.slice(0, MOST_SHOWN);
    keep(this.list, this.views, shown, (one) => one.connection, (one) => new ConnectionRow(this.panel, one));
    this.more.hidden = connections.length <= MOST_SHOWN;
    write(this.more, this.more.hidden ? '' : `and ${number.format(connections.length - MOST_SHOWN)} more`);
  }
}
