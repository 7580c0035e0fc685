// Keeps a page of the present present: refetches it at the pace of its data, and rests while nobody can see it or
// somebody is looking closely.
import { onSwap, plot, show } from './view.js';

const PACE_MIN = 2;
const PACE_MAX = 60;
const key = 'kymo.live';

let on = true;
try {
  on = localStorage.getItem(key) !== 'off';
} catch { /* no storage: live */ }
let timer = 0;

const parts = () => document.querySelectorAll('[data-live]');
const button = () => document.getElementById('live');

function isLookedAt() {
  const graph = plot();
  const selecting = !getSelection().isCollapsed;
  const reading = document.querySelector('#graph details[open], .legend:hover, .legend :focus, #suggestions:not([hidden])');
  return selecting || reading || graph?.matches(':hover, :focus-visible');
}

function schedule() {
  clearTimeout(timer);
  const present = parts().length > 0;
  const toggle = button();
  if (toggle) {
    toggle.hidden = !present;
    toggle.setAttribute('aria-pressed', on && present);
  }
  if (!on || !present) return;
  const step = Number(document.getElementById('graph')?.dataset.step) || 10;
  timer = setTimeout(refresh, 1000 * Math.min(PACE_MAX, Math.max(PACE_MIN, step)));
}

async function refresh() {
  if (!document.hidden && !isLookedAt()) await show(location.href, 'quiet');
  schedule();
}

export function toggle() {
  if (!parts().length) return;
  on = !on;
  try {
    localStorage.setItem(key, on ? 'on' : 'off');
  } catch { /* then it holds for this page */ }
  if (on) refresh();
  else schedule();
}

document.addEventListener('click', (event) => event.target.closest?.('#live') && toggle());
document.addEventListener('visibilitychange', () => !document.hidden && on && parts().length && refresh());
onSwap(schedule);
