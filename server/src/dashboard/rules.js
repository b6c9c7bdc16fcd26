// Rules of a proxy: a switch each, with controls made from the table of its behavior.

/** Behaviors that have a switch from the beginning. */
const COMMON = ['delay', 'throttle', 'hang', 'reset', 'corrupt', 'drop'];

/** Words for what ends a rule. */
const ENDED = { duration: 'ended after its duration', abort: 'ended by abort-when' };

/** Wait for more of a movement before the server is told. */
const SETTLE = 120;

/** Plug-ins and selectors, as the server lists them. */
const tables = { behaviors: new Map(), protocols: new Map(), selectors: [] };

async function loadTables() {
  const [behaviors, protocols, selectors] = await Promise.all(
    ['behaviors', 'protocols', 'selectors'].map((name) => ask('GET', `/v1/${name}`).then((all) => all[name])),
  );
  tables.behaviors = new Map(behaviors.map((one) => [one.name, one]));
  tables.protocols = new Map(protocols.map((one) => [one.name, one]));
  tables.selectors = selectors.filter((one) => one.name !== 'name');
}

/** Rules that were switched off here, by proxy and name: they can be switched on again, until this tab is closed. */
const remembered = {
  key: 'chenapan-rules',
  all: new Map(JSON.parse(sessionStorage.getItem('chenapan-rules') ?? '[]').map(([proxy, rules]) => [proxy, new Map(rules)])),
  of(proxy) {
    if (!this.all.has(proxy)) this.all.set(proxy, new Map());
    return this.all.get(proxy);
  },
  keep(proxy, { name, behavior, options }) {
    this.of(proxy).set(name, { name, behavior, options, off: true });
    this.save();
  },
  forget(proxy, name) {
    this.of(proxy).delete(name);
    this.save();
  },
  forgetAll(proxy) {
    this.all.delete(proxy);
    this.save();
  },
  save() {
    sessionStorage.setItem(this.key, JSON.stringify([...this.all].map(([proxy, rules]) => [proxy, [...rules]])));
  },
};

/** Controls for a rule of a behavior: its first option and its chance at once, all others on demand. */
function formOf(behavior, changed) {
  const [first, ...others] = behavior.options;
  const isChance = (one) => one.name === 'chance';
  // An option of the behavior goes before a selector of its name.
  const selectors = tables.selectors.filter((one) => !behavior.options.some((own) => own.name === one.name));
  const foremost = [first, ...selectors.filter(isChance)].filter(Boolean);
  const groups = [
    { title: `Options of ${behavior.name}`, specs: others },
    { title: 'Only some of the traffic', specs: selectors.filter((one) => !isChance(one)) },
  ];
  return new OptionForm(foremost, groups, changed);
}

/** Rules that are shown: those with a switch from the beginning, those in force, and those switched off here. */
function rulesShown(proxy) {
  const shown = new Map();
  for (const name of COMMON.filter((one) => tables.behaviors.has(one))) {
    if (!proxy.rules.some((rule) => rule.name !== name && rule.behavior === name)) shown.set(name, { name, behavior: name, options: {}, off: true, common: true });
  }
  for (const rule of remembered.of(proxy.name).values()) {
    const ended = proxy.ended.findLast((one) => one.name === rule.name);
    if (tables.behaviors.has(rule.behavior)) shown.set(rule.name, { ...rule, ended, common: shown.has(rule.name) });
  }
  for (const rule of proxy.rules) shown.set(rule.name, { ...rule, common: shown.get(rule.name)?.common ?? false });
  return [...shown.values()];
}

/** One rule: a row with its switch. */
class RuleRow {
  constructor(panel, rule) {
    this.panel = panel;
    this.rule = rule;
    this.trouble = new Trouble();
    this.tally = make('span', { className: 'tally' });
    const behavior = tables.behaviors.get(rule.behavior);
    // A part of a mix makes no sense alone, and behaviors of toxics have no table.
    this.fixed = !behavior || /^\d/.test(rule.text ?? '');
    const remove = () => this.remove();
    this.removal = action('Remove', this.trouble, remove, { className: 'quiet', 'aria-label': `Remove rule ${rule.name}` });
    if (this.fixed) {
      const head = make('div', { className: 'head' }, make('span', { className: 'name' }, rule.name), this.tally, this.removal);
      this.element = make('li', { className: 'rule on', 'data-rule': rule.name }, head, make('code', {}, rule.text), this.trouble.element);
      return;
    }
    this.toggle = toggle(rule.name, () => this.settle());
    const about = make('p', { className: 'about', id: fresh('about') }, rule.name === rule.behavior ? behavior.summary : `${rule.behavior}: ${behavior.summary}`);
    this.toggle.box.setAttribute('aria-describedby', about.id);
    this.form = formOf(behavior, () => this.changed());
    const head = make('div', { className: 'head' }, this.toggle.label, this.tally, this.removal);
    this.element = make('li', { className: 'rule', 'data-rule': rule.name }, head, about, this.form.element, this.trouble.element);
    this.form.show(rule.options);
  }

  show(rule) {
    this.rule = rule;
    this.removal.hidden = rule.common;
    const ended = rule.ended && !this.lifted ? `${ENDED[rule.ended.ended] ?? 'ended'}, ${plural(rule.ended.faults, 'fault')}` : '';
    write(this.tally, rule.off ? ended : plural(rule.faults, 'fault'));
    if (this.fixed) return;
    this.element.classList.toggle('on', !rule.off);
    if (this.busy || this.later) return;
    this.toggle.box.checked = !rule.off;
    // What is written here and was not accepted stays to be mended.
    if (!this.mine && !rule.off && !this.form.element.contains(document.activeElement)) this.form.show(rule.options);
  }

  /** Something was written or moved: it is told when it has come to rest. */
  changed() {
    this.mine = true;
    if (!this.toggle.box.checked) return this.remember();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.settle(), SETTLE);
  }

  remember() {
    const { name, behavior } = this.rule;
    remembered.keep(this.panel.proxy.name, { name, behavior, options: this.form.values });
  }

  /** Makes the server do what is shown here; once more if that has changed meanwhile. */
  async settle() {
    clearTimeout(this.later);
    this.later = null;
    this.again = this.busy;
    if (this.busy) return;
    this.busy = true;
    do {
      this.again = false;
      await (this.toggle.box.checked ? this.apply() : this.lift());
    } while (this.again);
    this.busy = false;
    await this.panel.refresh();
  }

  async apply() {
    this.lifted = false;
    const { name, behavior } = this.rule;
    try {
      await ask('PUT', pathOf(this.panel.proxy.name, 'rules', name), { [behavior]: this.form.values });
      this.mine = false;
      this.trouble.clear();
      this.form.blame('');
      this.remember();
    } catch (error) {
      this.trouble.tell(error);
      this.form.blame(error.field ?? '');
    }
  }

  async lift() {
    this.lifted = true;
    this.remember();
    try {
      await ask('DELETE', pathOf(this.panel.proxy.name, 'rules', this.rule.name));
      this.trouble.clear();
    } catch (error) {
      if (error.status !== 404) this.trouble.tell(error);
    }
  }

  async remove() {
    remembered.forget(this.panel.proxy.name, this.rule.name);
    if (!this.rule.off) await ask('DELETE', pathOf(this.panel.proxy.name, 'rules', this.rule.name));
    await this.panel.refresh();
  }
}

/** Form for a rule of any behavior. */
class RuleForm {
  constructor(panel) {
    this.panel = panel;
    this.trouble = new Trouble();
    const id = fresh('behavior');
    const names = [...tables.behaviors.keys()].filter((name) => name !== 'dummy');
    this.behavior = make('select', { id, onchange: () => this.choose() }, ...names.map((name) => make('option', { value: name }, name)));
    this.about = make('p', { className: 'about' });
    this.options = make('div', {});
    this.name = make('input', { id: `${id}-name`, type: 'text', placeholder: 'as the behavior', autocomplete: 'off', spellcheck: false });
    const form = make(
      'form',
      { onsubmit: (event) => this.add(event), noValidate: true },
      make('div', { className: 'option' }, make('label', { for: id }, 'Behavior'), make('span', { className: 'inputs' }, this.behavior), this.about),
      this.options,
      make('div', { className: 'option' }, make('label', { for: this.name.id }, 'Name'), make('span', { className: 'inputs' }, this.name)),
      make('p', { className: 'bar' }, make('button', { type: 'submit' }, 'Add this rule')),
      this.trouble.element,
    );
    this.element = make('details', { className: 'another' }, make('summary', {}, 'Add another rule'), form);
    this.choose();
  }

  choose() {
    const behavior = tables.behaviors.get(this.behavior.value);
    write(this.about, behavior.summary);
    this.form = formOf(behavior, () => this.form.blame(''));
    this.options.replaceChildren(this.form.element);
    this.trouble.clear();
  }

  async add(event) {
    event.preventDefault();
    const name = this.name.value.trim();
    const options = { ...this.form.values, ...(name ? { name } : {}) };
    try {
      await ask('POST', pathOf(this.panel.proxy.name, 'rules'), { [this.behavior.value]: options });
      this.trouble.clear();
      this.name.value = '';
      this.choose();
      say(`rule ${name || this.behavior.value} is in force`);
    } catch (error) {
      this.trouble.tell(error);
      this.form.blame(error.field ?? '');
    }
    await this.panel.refresh();
  }
}
