// Names as switches: a click hides a series, with Shift (or "only") it stays alone. What is hidden is kept by name, so
// that it outlives a zoom and a refresh.
let hidden = new Set();
let alone = null;
let table = null;
let picture = null;

export const isShown = (name) => (alone === null ? !hidden.has(name) : name === alone);

export function dress(graph) {
  table = graph?.querySelector('.legend') ?? null;
  picture = graph?.querySelector('.plot > svg') ?? null;
  if (!table) return;
  const names = new Set([...table.querySelectorAll('tbody tr')].map((row) => row.dataset.name));
  if (alone !== null && !names.has(alone)) alone = null;
  apply();
  table.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    const name = button?.closest('tr')?.dataset.name;
    if (name === undefined) return;
    if (button.classList.contains('only') || event.shiftKey) {
      alone = alone === name ? null : name;
    } else if (alone !== null) {
      // From one alone, a click on another adds it: all others become hidden ones.
      hidden = new Set([...names].filter((other) => other !== alone && other !== name));
      alone = null;
    } else if (!hidden.delete(name)) {
      hidden.add(name);
    }
    apply();
  });
  for (const row of table.querySelectorAll('tbody tr')) {
    row.addEventListener('pointerenter', () => isShown(row.dataset.name) && hush(picture, Number(row.dataset.i)));
    row.addEventListener('pointerleave', () => hush(picture, null));
  }
}

function apply() {
  for (const row of table.querySelectorAll('tbody tr')) {
    const shown = isShown(row.dataset.name);
    row.classList.toggle('off', !shown);
    row.querySelector('.name').setAttribute('aria-pressed', shown);
    row.querySelector('.only').setAttribute('aria-pressed', row.dataset.name === alone);
    for (const group of picture?.querySelectorAll(`.series[data-i="${row.dataset.i}"]`) ?? []) {
      if (shown) group.removeAttribute('display');
      else group.setAttribute('display', 'none');
    }
  }
}

// One series in full colour, the others faint; null for all alike.
export function hush(svg, index) {
  if (!svg) return;
  svg.classList.toggle('hushed', index !== null);
  for (const group of svg.querySelectorAll('.series')) group.classList.toggle('loud', Number(group.dataset.i) === index);
}

// Values at the crosshair take the place of the last ones on small screens, where a floating box would cover the graph.
export function readOut(values, moment) {
  if (!table) return;
  const shown = values !== null && matchMedia('(max-width:640px)').matches;
  for (const cell of table.querySelectorAll('.at')) cell.hidden = !shown;
  for (const cell of table.querySelectorAll('.last,.avg')) cell.hidden = shown;
  if (!shown) return;
  table.querySelector('th.at').textContent = moment;
  for (const row of table.querySelectorAll('tbody tr')) {
    row.querySelector('td.at').textContent = values.get(row.dataset.name) ?? '';
  }
}
