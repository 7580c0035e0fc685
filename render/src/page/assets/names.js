// Finding names: folders of the tree fill when they are opened, and the search box offers what fits while one types.

// The same rule as the server's: what a target would take for its own becomes `?`.
const targetOf = (name) => name.replace(/[^!-~]|[(){}[\],'"\\|*?]/gu, '?');

const link = (text, href) => {
  const a = document.createElement('a');
  a.textContent = text;
  a.href = href;
  return a;
};
const explore = (target) => '/explore?' + new URLSearchParams({ target, from: '-6h', until: 'now' });

async function fillFolder(details) {
  if ('filled' in details.dataset) return;
  details.dataset.filled = '';
  const { path } = details.dataset;
  try {
    const query = new URLSearchParams({ query: `${targetOf(path)}.*`, format: 'json' });
    const reply = await fetch('/metrics/find?' + query, { headers: { Accept: 'application/json' } });
    const nodes = (await reply.json()).filter((node) => node.path.startsWith(`${path}.`));
    nodes.sort((a, b) => a.is_leaf - b.is_leaf);
    const list = document.createElement('ul');
    list.className = 'tree';
    for (const node of nodes.slice(0, 1000)) list.append(item(node, path));
    if (nodes.length > 1000) list.append(`and ${nodes.length - 1000} more: the search finds them`);
    details.append(list);
  } catch {
    delete details.dataset.filled;
  }
}

function item(node, parent) {
  const li = document.createElement('li');
  const name = node.path.slice(parent.length + 1);
  if (node.is_leaf) {
    li.append(link(name, explore(targetOf(node.path))));
    return li;
  }
  const details = document.createElement('details');
  details.dataset.path = node.path;
  const summary = document.createElement('summary');
  summary.append(link(name, '/?' + new URLSearchParams({ path: node.path }) + '#names'));
  details.append(summary);
  li.append(details);
  return li;
}

document.addEventListener('toggle', (event) => {
  if (event.target.matches?.('details[data-path]') && event.target.open) fillFolder(event.target);
}, true);
document.addEventListener('click', (event) => {
  const folder = event.target.closest?.('summary a');
  if (!folder || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  folder.closest('details').open = !folder.closest('details').open;
});

// ---- the search box

const box = document.getElementById('search');
const offers = document.getElementById('suggestions');
let waiting = 0;
let asked = 0;

async function offer() {
  const words = box.value.trim();
  const mine = ++asked;
  if (!words) return offers.replaceChildren(), (offers.hidden = true);
  const reply = await fetch('/api/v1/suggest?' + new URLSearchParams({ q: words })).catch(() => null);
  if (!reply?.ok || mine !== asked) return;
  const found = await reply.json();
  offers.replaceChildren(...found.map(({ name, href }) => link(name, href)));
  offers.hidden = found.length === 0 || document.activeElement !== box;
}

box.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(offer, 120);
});
box.form.addEventListener('keydown', (event) => {
  const stops = [box, ...offers.children];
  const here = stops.indexOf(document.activeElement);
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    stops[(here + (event.key === 'ArrowDown' ? 1 : stops.length - 1)) % stops.length].focus();
  } else if (event.key === 'Escape') {
    offers.hidden = true;
    box.focus();
  }
});
box.form.addEventListener('focusout', (event) => {
  if (!box.form.contains(event.relatedTarget)) offers.hidden = true;
});
