// Options: controls made from a table of the server, and the values that they hold as text.

/** Units of the forms that a slider can show, in their smallest one. */
const UNITS = {
  time: { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, min: 60, h: 3600, '': 1 },
  size: { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, '': 1 },
};

const powers = (from, to, unit) => Array.from({ length: to - from + 1 }, (_, at) => `${2 ** (from + at)}${unit}`);
const upTo = (last) => Array.from({ length: last + 1 }, (_, at) => String(at));

/** Stops of sliders, by form: values that people try. A field beside the slider takes any other. */
const STOPS = {
  time: '0s 1ms 2ms 5ms 10ms 20ms 50ms 100ms 150ms 200ms 250ms 300ms 400ms 500ms 750ms 1s 1500ms 2s 3s 5s 10s 20s 30s 60s'.split(' '),
  chance: upTo(100).map((percent) => `${percent}%`),
  size: ['0B', ...powers(0, 9, 'B'), ...powers(0, 9, 'KiB'), ...powers(0, 6, 'MiB')],
  rate: [...powers(7, 9, 'B/s'), ...powers(0, 9, 'KiB/s'), ...powers(0, 9, 'MiB/s')],
  count: [...upTo(10), '15', '20', '30', '50', '100', '200', '500', '1000'],
};

/** Value of a text of a form, to compare by; nothing where it cannot be told here. */
function valueOf(form, text) {
  const found = /^(\d+(?:\.\d+)?)\s*([^\d\s]*)$/.exec(text.trim());
  if (!found) return null;
  const [value, unit] = [Number(found[1]), found[2]];
  switch (form) {
    case 'chance':
      return unit === '%' ? value / 100 : unit ? null : value;
    case 'count':
      return unit ? null : value;
    case 'rate': {
      const of = unit.endsWith('bit/s') ? UNITS.size[unit.replace('bit/s', 'B')] / 8 : UNITS.size[unit.replace('/s', '')];
      return of ? value * of : null;
    }
    default:
      return UNITS[form]?.[unit] ? value * UNITS[form][unit] : null;
  }
}

/** Returns the place of the stop that is nearest to a text. */
function nearestStop(form, stops, text) {
  const value = valueOf(form, text);
  if (value === null) return null;
  const far = (stop) => Math.abs(Math.log1p(valueOf(form, stop) * 1e3) - Math.log1p(value * 1e3));
  return stops.reduce((best, stop, place) => (far(stop) < far(stops[best]) ? place : best), 0);
}

/** Control of one option: label, help, and the input of its form. Its text is empty where nothing is given. */
class OptionControl {
  constructor(spec, changed) {
    this.spec = spec;
    this.changed = changed;
    const id = fresh('option');
    const help = make('span', { className: 'help', id: `${id}-help` }, spec.help);
    this.input = this.makeInput(id);
    this.input.setAttribute('aria-describedby', help.id);
    const label = make('label', { for: id }, spec.name);
    const inputs = make('span', { className: 'inputs' }, ...this.makeSlider(), this.input);
    this.element = make('div', { className: `option ${spec.form}`, 'data-option': spec.name }, label, inputs, help);
  }

  makeInput(id) {
    const { form, choices, optional, repeated, example } = this.spec;
    const changed = () => {
      this.showStop();
      this.changed(this);
    };
    if (form === 'flag') return make('input', { id, type: 'checkbox', role: 'switch', onchange: changed });
    if (form === 'choice' && !repeated) {
      const none = optional ? [make('option', { value: '' }, 'not set')] : [];
      return make('select', { id, onchange: changed }, ...none, ...choices.map((text) => make('option', { value: text }, text)));
    }
    const hint = form === 'choice' ? choices.join(', ') : example;
    const placeholder = optional || repeated ? `not set, such as ${hint}` : hint;
    const common = { id, placeholder, spellcheck: false, autocomplete: 'off', autocapitalize: 'off', oninput: changed };
    if (repeated) return make('textarea', { ...common, rows: 2, placeholder: `one a line, such as ${hint}` });
    return make('input', { ...common, type: 'text', inputMode: ['count', 'number', 'decimal'].includes(form) ? 'decimal' : 'text' });
  }

  makeSlider() {
    const { form, name, repeated, most } = this.spec;
    if (!STOPS[form] || repeated) return [];
    this.stops = STOPS[form].filter((stop) => !(form === 'count' && most !== null && Number(stop) > most));
    const moved = () => {
      this.input.value = this.stops[this.slider.value];
      this.slider.ariaValueText = this.input.value;
      this.changed(this);
    };
    this.slider = make('input', { type: 'range', min: 0, max: this.stops.length - 1, step: 1, 'aria-label': name, oninput: moved });
    return [this.slider];
  }

  showStop() {
    if (!this.slider) return;
    const text = this.text || this.spec.default || '';
    const stop = nearestStop(this.spec.form, this.stops, text);
    if (stop !== null) this.slider.value = stop;
    this.slider.ariaValueText = text;
  }

  /** What is given, as text; empty where it is nothing. */
  get text() {
    if (this.spec.form === 'flag') return this.input.checked ? 'yes' : 'no';
    return this.input.value.trim();
  }

  show(text) {
    const { form, optional, repeated } = this.spec;
    if (form === 'flag') this.input.checked = ['yes', 'true', 'on', '1'].includes(text);
    else this.input.value = (optional || repeated) && text === 'none' ? '' : text;
    this.showStop();
  }

  /** Value for a request: a text, or a list of them; nothing where it is the default. */
  get value() {
    const { text } = this;
    const given = text || (this.spec.optional || this.spec.repeated ? 'none' : this.spec.form === 'text' ? '' : this.spec.default);
    if (given === null || given === this.spec.default) return undefined;
    if (!this.spec.repeated) return given;
    const lines = text.split('\n').map((line) => line.trim()).filter(Boolean);
    return lines.length ? lines : undefined;
  }
}

/** Controls of a table: the foremost options at once, groups of others when they are asked for. */
class OptionForm {
  constructor(foremost, groups, changed) {
    this.controls = new Map();
    const controls = (specs) => specs.map((spec) => {
      const control = new OptionControl(spec, changed);
      this.controls.set(spec.name, control);
      return control.element;
    });
    this.element = make('div', { className: 'options' }, ...controls(foremost));
    const others = groups.filter(({ specs }) => specs.length).map(({ title, specs }) => make('fieldset', {}, make('legend', {}, title), ...controls(specs)));
    if (others.length) this.element.append(make('details', {}, make('summary', {}, 'More options'), ...others));
    this.show({});
  }

  show(given) {
    for (const [name, control] of this.controls) control.show(given[name] ?? control.spec.default ?? '');
  }

  get values() {
    const values = {};
    for (const [name, control] of this.controls) {
      if (control.value !== undefined) values[name] = control.value;
    }
    return values;
  }

  /** Marks the control of a field that the server has named, and shows it. */
  blame(field) {
    for (const [name, control] of this.controls) {
      const wrong = field.split('.').includes(name);
      control.input.ariaInvalid = wrong ? 'true' : null;
      if (wrong) control.element.closest('details')?.setAttribute('open', '');
    }
  }
}
