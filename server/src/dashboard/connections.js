// Connections of a proxy that are open now, with what can be done to each.

/** Most connections that are shown: the oldest and the newest matter, and nobody reads a thousand. */
const MOST_SHOWN = 100;

class ConnectionRow {
  constructor(panel, { connection }) {
    this.trouble = new Trouble();
    const path = (...rest) => pathOf(panel.proxy.name, 'connections', String(connection), ...rest);
    // It may have ended by itself: what was wanted has happened.
    const gone = (error) => {
      if (error.status !== 404) throw error;
    };
    const order = (label, method, ...rest) => {
      const work = () => ask(method, path(...rest)).catch(gone).then(() => panel.refresh());
      return action(label, this.trouble, work, { 'aria-label': `${label} connection ${connection}` });
    };
    this.number = make('span', { className: 'number' }, `#${connection}`);
    this.source = make('span', { className: 'source' });
    this.facts = make('span', { className: 'facts' });
    const orders = make('span', { className: 'orders' }, order('Close', 'DELETE'), order('Reset', 'POST', 'reset'));
    this.element = make('li', { className: 'connection' }, this.number, this.source, this.facts, orders, this.trouble.element);
  }

  show({ source, age, upstream, downstream, due }) {
    write(this.source, source ?? 'no address');
    const held = due === null ? '' : ', a rule holds bytes back';
    write(this.facts, `${timeText(age)}, ↑ ${bytesText(upstream)}, ↓ ${bytesText(downstream)}${held}`);
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
