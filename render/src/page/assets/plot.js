// The crosshair, the drag that zooms, and the keys that do the same without a mouse. Values are those of /render's JSON
// for the very window and moment that the picture is of, so what is read off is what was stored.
import { address, canGoBack, onSwap, plot, show } from './view.js';
import { isShown, hush, readOut } from './legend.js';

const SVG = 'http://www.w3.org/2000/svg';
const POINTS_MAX = 200_000; // beyond it values come consolidated, and the tip says so
const TIP_ROWS = 14;

let scene = null; // the picture on the page and what is known of it
let at = null; // the time under the crosshair, in seconds
let aloud = 0;

export function attach(graph) {
  const frame = plot();
  const svg = frame?.querySelector('svg');
  if (!svg || !('from' in svg.dataset)) {
    scene = null;
    return;
  }
  const number = (name) => Number(svg.dataset[name]);
  scene = {
    graph, frame, svg,
    from: number('from'), until: number('until'), left: number('left'), top: number('top'),
    width: number('plotWidth'), height: number('plotHeight'), low: number('yMin'), high: number('yMax'),
    zone: graph.dataset.zone, series: null, loading: null, cursor: null,
  };
  frame.classList.add('ready');
  frame.addEventListener('pointermove', moved);
  // A finger leaves when it lifts; what it pointed at stays until it points elsewhere.
  frame.addEventListener('pointerleave', (event) => scene?.drag || event.pointerType === 'touch' || clear());
  frame.addEventListener('pointerdown', pressed);
  frame.addEventListener('dblclick', out);
  frame.addEventListener('blur', clear);
  frame.addEventListener('focus', load);
  frame.addEventListener('pointerenter', load, { once: true });
  for (const [id, act] of [['out', out], ['earlier', () => shift(-1)], ['later', () => shift(1)]]) {
    document.getElementById(id)?.addEventListener('click', act);
  }
  if (document.activeElement === frame) load();
}

// ---- values

function load() {
  const own = scene;
  if (!own || own.loading) return;
  const { dataset } = own.graph;
  const url = new URL('/render', location.href);
  for (const target of targets()) url.searchParams.append('target', target);
  const asked = { from: dataset.from, until: dataset.until, now: dataset.now, tz: dataset.zone, format: 'json' };
  for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
  if (Number(dataset.points) > POINTS_MAX) url.searchParams.set('maxDataPoints', Math.round(own.width));
  own.loading = fetch(url).then((reply) => reply.json()).then((answer) => {
    own.series = match(own, answer);
    if (scene === own && at !== null) point(at);
  }).catch(() => { own.loading = null; });
}

// The links of the page carry the targets as the server parted them.
const targets = () =>
  new URL(document.querySelector('#graph .tools a[href*="format=json"]').href).searchParams.getAll('target');

// The picture may leave out series of the answer, but keeps their order.
function match(own, answer) {
  const rows = [...own.graph.querySelectorAll('.legend tbody tr')];
  let next = 0;
  return rows.map((row) => {
    while (next < answer.length && answer[next].target !== row.dataset.name) next += 1;
    const points = answer[next++]?.datapoints ?? [];
    const start = points[0]?.[1] ?? 0;
    const step = points.length > 1 ? points[1][1] - start : 1;
    return {
      name: row.dataset.name, index: Number(row.dataset.i), points, start, step,
      swatch: row.querySelector('.swatch'), color: row.querySelector('.swatch path').getAttribute('stroke'),
    };
  });
}

// The value whose slot the time lies in or next to.
function valueAt(series, time) {
  const slot = Math.round((time - series.start) / series.step);
  return series.points[slot] ?? null;
}

// ---- where things are

// The picture is scaled to the page's width.
const scaleOf = () => scene.svg.getBoundingClientRect().width / scene.svg.viewBox.baseVal.width;
const timeOf = (x) => scene.from + ((x - scene.left) / scene.width) * (scene.until - scene.from);
const xOf = (time) => scene.left + ((time - scene.from) / (scene.until - scene.from)) * scene.width;
const yOf = (value) => scene.top + scene.height * (1 - (value - scene.low) / (scene.high - scene.low));
const inside = (time) => Math.min(scene.until, Math.max(scene.from, time));

function place(event) {
  const box = scene.svg.getBoundingClientRect();
  return { x: (event.clientX - box.left) / scaleOf(), y: (event.clientY - box.top) / scaleOf() };
}

// ---- crosshair

function moved(event) {
  if (!scene) return;
  const { x, y } = place(event);
  if (scene.drag) return dragged(x);
  const within = x >= scene.left - 4 && x <= scene.left + scene.width + 4 && y >= scene.top - 8;
  if (!within || y > scene.top + scene.height + 24) return clear();
  point(inside(timeOf(x)), y);
}

function point(time, y = null) {
  at = time;
  load();
  let rows = [];
  if (scene.series) {
    // Snapped to a moment that has a point, of the finest series that is shown.
    const shown = scene.series.filter((series) => series.points.length && isShown(series.name));
    const finest = shown.reduce((best, series) => (!best || series.step < best.step ? series : best), null);
    const nearest = finest && valueAt(finest, time);
    if (nearest && nearest[1] >= scene.from && nearest[1] <= scene.until) at = nearest[1];
    rows = shown.map((series) => ({ series, value: valueAt(series, at)?.[0] ?? null }));
  }
  draw(rows, y);
}

function draw(rows, y) {
  scene.cursor?.remove();
  const x = xOf(at);
  const group = (scene.cursor = document.createElementNS(SVG, 'g'));
  group.append(shape('line', { class: 'cursor', x1: x, x2: x, y1: scene.top, y2: scene.top + scene.height }));
  const present = rows.filter((row) => Number.isFinite(row.value));
  for (const { series, value } of present) {
    const cy = yOf(value);
    if (cy < scene.top - 1 || cy > scene.top + scene.height + 1) continue;
    group.append(shape('circle', { class: 'spot', cx: x, cy, r: 4, fill: series.color }));
  }
  scene.svg.append(group);
  const distance = (row) => Math.abs(yOf(row.value) - y);
  const near = y === null ? null
    : present.reduce((best, row) => (!best || distance(row) < distance(best) ? row : best), null);
  tell(rows, near);
  readOut(new Map(rows.map((row) => [row.series.name, label(row.value)])), moment(at));
  hush(scene.svg, near && distance(near) < 30 && present.length > 1 ? near.series.index : null);
}

const shape = (kind, attributes) => {
  const node = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

const make = (kind, text, name) => {
  const node = document.createElement(kind);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  return node;
};

function tell(rows, near) {
  scene.tip?.remove();
  const tip = (scene.tip = make('div', undefined, 'tip'));
  tip.append(make('b', moment(at), 'moment'));
  if (!scene.series) tip.append(make('small', 'reading values …'));
  const order = [...rows].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  const table = make('table');
  for (const row of order.slice(0, TIP_ROWS)) {
    const line = make('tr', undefined, row === near ? 'near' : '');
    const key = make('td');
    key.append(row.series.swatch.cloneNode(true));
    line.append(key, make('td', row.series.name), make('td', label(row.value)));
    table.append(line);
  }
  tip.append(table);
  if (order.length > TIP_ROWS) tip.append(make('small', `and ${order.length - TIP_ROWS} more`));
  if (Number(scene.graph.dataset.points) > POINTS_MAX && rows.length) {
    tip.append(make('small', `each the average of ${rows[0].series.step} s`));
  }
  scene.frame.append(tip);
  const scale = scaleOf();
  const x = xOf(at) * scale;
  const room = scene.frame.clientWidth - x - 16;
  tip.style.top = `${scene.top * scale + 6}px`;
  if (room > tip.offsetWidth) tip.style.left = `${x + 14}px`;
  else tip.style.left = `${Math.max(0, x - 14 - tip.offsetWidth)}px`;
}

function clear() {
  at = null;
  if (!scene) return;
  scene.cursor?.remove();
  scene.tip?.remove();
  scene.cursor = scene.tip = null;
  readOut(null);
  hush(scene.svg, null);
}

// ---- zoom

function pressed(event) {
  if (!scene || event.button !== 0) return;
  if (event.pointerType === 'touch') return moved(event);
  const { x } = place(event);
  if (x < scene.left || x > scene.left + scene.width) return;
  event.preventDefault();
  document.activeElement?.blur(); // keys are the graph's now, not the query field's
  scene.frame.setPointerCapture(event.pointerId);
  scene.drag = { from: x, box: null };
  const done = (end) => {
    scene.frame.removeEventListener('pointerup', done);
    scene.frame.removeEventListener('pointercancel', done);
    const { from, box } = scene.drag;
    scene.drag = null;
    box?.remove();
    if (end.type === 'pointerup' && box) zoom(timeOf(from), inside(timeOf(place(end).x)));
  };
  scene.frame.addEventListener('pointerup', done);
  scene.frame.addEventListener('pointercancel', done);
}

function dragged(x) {
  const { drag } = scene;
  if (!drag.box && Math.abs(x - drag.from) < 5) return;
  clear();
  const end = xOf(inside(timeOf(x)));
  if (!drag.box) {
    drag.box = shape('rect', { class: 'selection', y: scene.top, height: scene.height });
    scene.svg.append(drag.box);
  }
  drag.box.setAttribute('x', Math.min(drag.from, end));
  drag.box.setAttribute('width', Math.abs(end - drag.from));
}

function zoom(a, b) {
  const from = Math.floor(Math.min(a, b));
  const until = Math.max(from + 2, Math.ceil(Math.max(a, b)));
  clear();
  show(address({ from: spelled(from, 0, until - from), until: spelled(until, 1, until - from) }), 'push');
}

// Graphite writes minutes as 14:30_20260405; where that would be too coarse or is said twice in a night of changed
// clocks, seconds since 1970 are exact.
function spelled(time, roundUp, span) {
  const whole = (roundUp ? Math.ceil(time / 60) : Math.floor(time / 60)) * 60;
  const text = written(whole);
  const twice = written(whole - 3600) === text || written(whole + 3600) === text;
  return span < 900 || twice ? String(time) : text;
}

function parts(time, options) {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: scene.zone, hourCycle: 'h23', ...options });
  return Object.fromEntries(format.formatToParts(time * 1000).map((part) => [part.type, part.value]));
}

const written = (time) => {
  const p = parts(time, { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' });
  return `${p.hour}:${p.minute}_${p.year}${p.month}${p.day}`;
};

const moment = (time) => {
  const p = parts(time, {
    weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit',
  });
  return `${p.weekday} ${p.day} ${p.month}, ${p.hour}:${p.minute}:${p.second}`;
};

function out() {
  if (!scene) return;
  if (canGoBack()) return history.back();
  const half = (scene.until - scene.from) / 2;
  zoom(scene.from - half, scene.until + half);
}

function shift(ranges) {
  if (!scene) return;
  const by = (scene.until - scene.from) * ranges;
  zoom(scene.from + by, scene.until + by);
}

// ---- keys

function steered(event) {
  event.preventDefault();
  const step = Math.max(Number(scene.graph.dataset.step), (scene.until - scene.from) / scene.width);
  const by = step * (event.shiftKey ? 10 : 1) * (event.key === 'ArrowLeft' ? -1 : 1);
  point(inside(at === null ? scene.until : at + by));
  clearTimeout(aloud);
  aloud = setTimeout(speak, 300);
}

function speak() {
  if (at === null || !scene?.series) return;
  const shown = scene.series.filter((series) => isShown(series.name)).slice(0, 5);
  const said = shown.map((series) => `${series.name} ${label(valueAt(series, at)?.[0] ?? null)}`);
  document.getElementById('aloud').textContent = `${moment(at)}: ${said.join(', ')}`;
}

document.addEventListener('keydown', (event) => {
  if (event.target.closest?.('input,textarea,dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (scene && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) steered(event);
  if (event.key === 'Backspace') out();
  if (event.key === '[') shift(-1);
  if (event.key === ']') shift(1);
});

// Exact, to seven digits: this is where numbers are read off.
const label = (value) =>
  value === null ? '–' : Number.isFinite(value) ? String(Number(value.toPrecision(7))) : value > 0 ? '∞' : '−∞';

// Another picture came in under a crosshair that stands still.
onSwap(() => setTimeout(() => {
  if (at !== null && scene && plot()?.matches(':hover, :focus-visible')) point(inside(at));
  else at = null;
}));
