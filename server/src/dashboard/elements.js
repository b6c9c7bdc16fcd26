// Elements: made here only, and text goes in as text. Names and faults come from the network.

/** Makes an element with properties, and children that are elements or text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name.includes('-') || name === 'role' || name === 'for' || name === 'list') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const at = (id) => document.getElementById(id);

let made = 0;
const fresh = (prefix) => `${prefix}-${++made}`;

/** Changes a text only where it differs: nothing is then read out or selected anew. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A sentence about what went wrong, beside its cause; read out when it appears. */
class Trouble {
  constructor() {
    this.element = make('div', { className: 'problem', role: 'alert', hidden: true });
  }

  tell(error) {
    // Behind the sentence there may be lines that mark the wrong place.
    const [first, ...marked] = error.message.split('\n');
    this.element.hidden = false;
    if (this.told === error.message) return;
    this.told = error.message;
    this.element.replaceChildren(make('p', {}, sentence(first)), ...(marked.length ? [make('pre', {}, marked.join('\n'))] : []));
  }

  clear() {
    this.element.hidden = true;
    this.told = '';
    this.element.replaceChildren();
  }
}

function sentence(text) {
  return text && text[0].toUpperCase() + text.slice(1);
}

/** A button that does something which may fail: off while it is done, with the trouble beside it. */
function action(label, trouble, work, properties = {}) {
  const button = make('button', { type: 'button', ...properties }, label);
  button.addEventListener('click', async () => {
    if (button.ariaDisabled === 'true') return;
    button.ariaDisabled = 'true';
    trouble.clear();
    try {
      await work();
    } catch (error) {
      trouble.tell(error);
    } finally {
      button.ariaDisabled = null;
    }
  });
  return button;
}

/** A button that asks once more before it does something that cannot be taken back. */
function grave(label, question, trouble, work, properties = {}) {
  let sure = false;
  const calm = () => {
    sure = false;
    write(button, label);
    button.classList.remove('sure');
  };
  const button = action(label, trouble, async () => {
    if (sure) {
      calm();
      return work();
    }
    sure = true;
    write(button, question());
    say(question());
    button.classList.add('sure');
  }, properties);
  button.addEventListener('blur', calm);
  button.addEventListener('keydown', (event) => event.key === 'Escape' && calm());
  return button;
}

/** A switch: a checkbox with a name, whose state is what the server says. */
function toggle(name, change) {
  const box = make('input', { type: 'checkbox', role: 'switch', id: fresh('switch') });
  box.addEventListener('change', () => change(box.checked));
  const label = make('label', { className: 'switch' }, box, make('span', { className: 'track', 'aria-hidden': 'true' }), make('span', { className: 'name' }, name));
  return { box, label };
}

/**
 * Keeps the children of a list the same as some items, by their keys. Children stay where they are, so
 * that focus and selection do; where a child that has the focus goes, its neighbour gets it.
 */
function keep(list, views, items, keyOf, build) {
  const keys = new Set(items.map(keyOf));
  for (const [key, view] of views) {
    if (keys.has(key)) continue;
    const focused = view.element.contains(document.activeElement);
    const near = view.element.nextElementSibling ?? view.element.previousElementSibling;
    view.element.remove();
    views.delete(key);
    if (focused) (near?.querySelector('button, input') ?? list.closest('section, nav')?.querySelector('[tabindex]'))?.focus();
  }
  let place = list.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let view = views.get(key);
    if (!view) {
      view = build(item);
      views.set(key, view);
    }
    if (view.element === place) place = place.nextElementSibling;
    else list.insertBefore(view.element, place);
    view.show(item);
  }
}

const number = new Intl.NumberFormat('en');

function bytesText(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${round(value)} ${units[unit]}`;
}

function timeText(seconds) {
  if (seconds >= 3600) return `${round(seconds / 3600)} h`;
  if (seconds >= 60) return `${round(seconds / 60)} min`;
  if (seconds >= 1) return `${round(seconds)} s`;
  if (seconds >= 0.001) return `${round(seconds * 1e3)} ms`;
  return `${round(seconds * 1e6)} µs`;
}

function round(value) {
  return number.format(Number(value.toPrecision(value < 10 ? 2 : 3)));
}

const plural = (count, one, many = `${one}s`) => `${number.format(count)} ${count === 1 ? one : many}`;
