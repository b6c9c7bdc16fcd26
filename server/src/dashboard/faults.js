// Faults as they happen: a list of the last ones, and now and then a sentence for screen readers.

const MOST_FAULTS = 100;
const SAY_EVERY = 5_000;

/** Says a sentence to those who do not see the page. */
function say(text) {
  at('said').textContent = sentence(text);
}

class Faults {
  constructor() {
    this.waiting = [];
    this.recent = 0;
    this.unsaid = 0;
    this.paused = false;
    at('pause').addEventListener('click', () => this.pause());
    setInterval(() => this.sum(), SAY_EVERY);
  }

  pause() {
    this.paused = !this.paused;
    at('pause').ariaPressed = String(this.paused);
    if (!this.paused) this.draw();
  }

  add(fault) {
    this.unsaid += 1;
    this.last = fault;
    this.waiting.push({ ...fault, when: new Date() });
    if (this.waiting.length > MOST_FAULTS) this.waiting.shift();
    if (!this.paused && !this.due) this.due = requestAnimationFrame(() => this.draw());
  }

  /** Faults that came too fast to be told. */
  missed(count) {
    this.unsaid += count;
    this.note(`${plural(count, 'fault')} came too fast to be shown`);
  }

  /** Something else that people want to know of. */
  note(text) {
    this.waiting.push({ note: text, when: new Date() });
    if (!this.paused && !this.due) this.due = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.due = null;
    if (!this.waiting.length) return;
    at('no-faults').hidden = true;
    const list = at('faults');
    list.hidden = false;
    list.prepend(...this.waiting.splice(0).reverse().map((fault) => this.line(fault)));
    while (list.childElementCount > MOST_FAULTS) list.lastElementChild.remove();
  }

  line({ when, note, proxy, connection, direction, rule, what }) {
    const time = make('time', {}, when.toLocaleTimeString('en-GB'));
    if (note) return make('li', {}, time, ` ${note}`);
    const arrow = make('span', { role: 'img', 'aria-label': direction }, direction === 'upstream' ? ' ↑ ' : ' ↓ ');
    const place = make('span', { className: 'facts' }, `${state.proxies.size > 1 ? titleOf(proxy ?? '') : ''} #${connection}`, arrow, rule);
    return make('li', {}, time, ' ', make('strong', {}, what), ' ', place);
  }

  sum() {
    if (this.unsaid && this.last) {
      const { proxy, what } = this.last;
      say(`${plural(this.unsaid, 'fault')} in the last ${SAY_EVERY / 1000} seconds, the last one on ${titleOf(proxy ?? '')}: ${what}`);
    }
    this.unsaid = 0;
  }
}
