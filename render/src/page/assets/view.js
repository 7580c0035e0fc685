// One page, many addresses: fetches the page of an address and swaps in the parts that differ. The server writes all
// markup; nothing here does.

const watchers = [];
export const onSwap = (watcher) => {
  watchers.push(watcher);
  watcher();
};

export const plot = () => document.querySelector('#graph .plot');

// The width is the window's and not the query's: it is asked for, but never stands in the address bar.
const sized = (address) => {
  const url = new URL(address, location.href);
  const width = plot()?.clientWidth || document.getElementById('graph')?.clientWidth;
  if (width && url.pathname === '/explore') url.searchParams.set('width', Math.round(width));
  return url;
};

let running = null;

// `how` is 'push' for a step that Back undoes, 'quiet' for a refresh of what is shown.
export async function show(address, how) {
  running?.abort();
  const mine = (running = new AbortController());
  const main = document.getElementById('main');
  if (how !== 'quiet') main.classList.add('busy');
  try {
    const reply = await fetch(sized(address), { signal: mine.signal, cache: 'no-store', headers: { Accept: 'text/html' } });
    if (!reply.headers.get('Content-Type')?.startsWith('text/html')) throw new Error(await reply.text());
    const fresh = new DOMParser().parseFromString(await reply.text(), 'text/html');
    if (how === 'push') {
      const depth = (history.state?.depth ?? 0) + 1;
      history.pushState({ depth }, '', address);
    }
    if (how !== 'quiet') fill(fresh);
    swap(fresh);
    document.title = fresh.title;
    return true;
  } catch (error) {
    if (error.name === 'AbortError') return false;
    if (how !== 'quiet') location.assign(address);
    return false;
  } finally {
    if (running === mine) {
      running = null;
      main.classList.remove('busy');
    }
  }
}

function swap(fresh) {
  const ids = (root) => [...root.querySelectorAll('[data-part]')].map((part) => part.id).join();
  if (ids(fresh) !== ids(document)) {
    document.getElementById('main').replaceWith(document.adoptNode(fresh.getElementById('main')));
  } else {
    const open = [...document.querySelectorAll('details[id][open]')].map((details) => details.id);
    const onPlot = document.activeElement === plot();
    for (const part of document.querySelectorAll('[data-part]')) {
      part.replaceWith(document.adoptNode(fresh.getElementById(part.id)));
    }
    for (const id of open) document.getElementById(id)?.setAttribute('open', '');
    if (onPlot) plot()?.focus({ preventScroll: true });
  }
  for (const watcher of watchers) watcher();
}

// The form tells what is drawn, whichever way it came about.
function fill(fresh) {
  for (const field of document.querySelectorAll('#query [name]')) {
    field.value = fresh.querySelector(`#query [name="${field.name}"]`)?.value ?? '';
  }
}

export const address = (changes) => {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
  return url.pathname + url.search;
};

export const canGoBack = () => (history.state?.depth ?? 0) > 0;

addEventListener('popstate', () => show(location.href, 'back'));

document.addEventListener('submit', (event) => {
  if (event.target.id !== 'query') return;
  event.preventDefault();
  const filled = [...new FormData(event.target)].filter(([, value]) => value);
  show('/explore?' + new URLSearchParams(filled), 'push');
});

document.addEventListener('click', (event) => {
  const preset = event.target.closest?.('#presets a');
  if (!preset || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const form = document.getElementById('query');
  const url = new URL(preset.href);
  url.searchParams.set('target', form.elements.target.value);
  show(url.pathname + url.search, 'push');
});

document.addEventListener('keydown', (event) => {
  if (event.target.id === 'target' && event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

// The first picture is as wide as the server guessed; after that the window decides.
let fitted = 0;
const fit = () => {
  const svg = plot()?.querySelector('svg');
  const width = plot()?.clientWidth;
  if (!svg || !width || Math.abs(width - fitted) < 8) return;
  fitted = width;
  if (Math.abs(svg.viewBox.baseVal.width - width) >= 8) show(location.href, 'quiet');
};
let settling = 0;
addEventListener('resize', () => {
  clearTimeout(settling);
  settling = setTimeout(fit, 200);
});
if (plot()) setTimeout(fit, 0);
