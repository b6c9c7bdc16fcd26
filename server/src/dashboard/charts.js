// Charts: figures of the last two minutes, as lines.

const SAMPLES = 120;
const RECENT = 10;
const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 300;
const HEIGHT = 80;

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A chart of two figures over time; `text` says a value for people. */
class Chart {
  constructor(title, names, text) {
    this.names = names;
    this.text = text;
    this.top = make('span', { className: 'top' });
    this.now = names.map(() => make('strong', {}, '–'));
    const legend = names.map((name, at) => make('span', { className: `legend line-${at}` }, make('i', { 'aria-hidden': 'true' }), `${name} `, this.now[at]));
    this.lines = names.map((_, at) => draw('path', { class: `line line-${at}` }));
    const svg = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    svg.append(draw('path', { class: 'grid', d: `M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 1}H${WIDTH}` }), ...this.lines);
    const scale = make('p', { className: 'scale', 'aria-hidden': 'true' }, make('span', {}, '2 min ago'), make('span', {}, 'now'));
    const caption = make('figcaption', {}, make('span', { className: 'title' }, title), ...legend);
    this.element = make('figure', { className: 'chart' }, caption, make('div', { className: 'plot' }, this.top, svg), scale);
  }

  /** Shows samples: lists of figures, where nothing was measured with null in their place. */
  show(samples) {
    const known = samples.flat().filter((value) => value !== null);
    const top = Math.max(0, ...known);
    write(this.top, top > 0 ? this.text(top) : '');
    this.lines.forEach((line, at) => {
      let path = '';
      let pen = false;
      samples.forEach((sample, place) => {
        if (sample[at] === null) {
          pen = false;
          return;
        }
        const x = WIDTH - (samples.length - 1 - place) * (WIDTH / (SAMPLES - 1));
        const y = HEIGHT - 1 - (top ? sample[at] / top : 0) * (HEIGHT - 4);
        // A single point is a short line, or nobody would see it.
        path += pen ? `L${x.toFixed(1)} ${y.toFixed(1)}` : `M${(x - 2).toFixed(1)} ${y.toFixed(1)}h2`;
        pen = true;
      });
      line.setAttribute('d', path);
      // Where nothing was measured just now, what was is shown for a while.
      const last = samples.slice(-RECENT).findLast((sample) => sample[at] !== null);
      write(this.now[at], last ? this.text(last[at]) : '–');
    });
  }
}

/** Figures of a proxy over time, made from its counters, which only grow. */
class Series {
  constructor() {
    this.flow = [];
    this.times = [];
    this.rates = { connections: 0 };
    this.last = null;
  }

  add(counted, when) {
    const { counters } = counted;
    const times = counted['response-times'];
    const before = this.last;
    this.last = { counters, times, when };
    // A proxy that was made anew counts from 0.
    if (!before || counters.accepted < before.counters.accepted || times.count < before.times.count) return;
    const seconds = (when - before.when) / 1000;
    if (seconds <= 0) return;
    const rate = (name) => Math.max(0, counters[name] - before.counters[name]) / seconds;
    this.rates.connections = rate('accepted');
    this.push(this.flow, [rate('bytes-upstream'), rate('bytes-downstream')]);
    this.push(this.times, between(before.times, times));
  }

  push(list, sample) {
    list.push(sample);
    if (list.length > SAMPLES) list.shift();
  }
}

/** Mean and slowest hundredth of the response times between two counts. */
function between(before, after) {
  const count = after.count - before.count;
  if (count <= 0) return [null, null];
  const known = new Map(before.buckets.map((bucket) => [bucket.below, bucket.count]));
  let left = count - Math.ceil(count * 0.99);
  let slowest = 0;
  for (const bucket of [...after.buckets].reverse()) {
    slowest = bucket.below;
    left -= bucket.count - (known.get(bucket.below) ?? 0);
    if (left < 0) break;
  }
  const mean = (after.seconds - before.seconds) / count;
  return [mean, Math.max(mean, slowest)];
}
