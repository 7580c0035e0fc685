// The query field offers functions and names that begin as the word before the caret does.

const field = document.getElementById('target');
const offers = document.getElementById('offers');
let functions = null;
let waiting = 0;
let asked = 0;

// /functions is the table that binds targets: what it lists can be called.
async function table() {
  if (!functions) {
    const reply = await fetch('/functions');
    // Python's infinity is no JSON.
    functions = Object.values(JSON.parse((await reply.text()).replaceAll('1e9999', '1e308').replaceAll('Infinity', '1e308')));
  }
  return functions;
}

const word = () => {
  const before = field.value.slice(0, field.selectionStart);
  return before.match(/[^\s(),|"'=]*$/)[0];
};

function put(text) {
  const end = field.selectionStart;
  field.setRangeText(text, end - word().length, end, 'end');
  hide();
  field.focus();
}

function hide() {
  asked++;
  offers.hidden = true;
  offers.replaceChildren();
}

function choice(text, more, insert) {
  const button = document.createElement('button');
  button.type = 'button';
  button.tabIndex = -1;
  const name = document.createElement('b');
  name.textContent = text;
  const told = document.createElement('span');
  told.textContent = more;
  button.append(name, told);
  button.addEventListener('click', () => put(insert));
  return button;
}

async function offer() {
  const begun = word();
  const mine = ++asked;
  if (begun.length < 2) return hide();
  const small = begun.toLowerCase();
  const isName = begun.includes('.');
  const called = isName ? [] : (await table()).filter(({ name }) => name.toLowerCase().startsWith(small)).slice(0, 8);
  const names = await fetch('/api/v1/suggest?' + new URLSearchParams({ q: begun })).then((reply) => reply.json());
  if (mine !== asked) return;
  const given = (one) => choice(one.function, one.description, `${one.name}(`);
  const chosen = names.map(({ name }) => name).filter((name) => name !== begun && !/[*({[?|]/.test(name));
  offers.replaceChildren(...called.map(given), ...chosen.slice(0, 8).map((name) => choice(name, '', name)));
  offers.hidden = offers.children.length === 0 || document.activeElement !== field;
}

field?.addEventListener('input', () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => offer().catch(hide), 120);
});
field?.form.addEventListener('keydown', (event) => {
  if (offers.hidden) return;
  const stops = [field, ...offers.children];
  const here = stops.indexOf(document.activeElement);
  if (event.key === 'ArrowDown' || (event.key === 'ArrowUp' && here > 0)) {
    event.preventDefault();
    stops[(here + (event.key === 'ArrowDown' ? 1 : stops.length - 1)) % stops.length].focus();
  } else if (event.key === 'Tab' && here === 0 && !event.shiftKey) {
    event.preventDefault();
    offers.firstElementChild.click();
  } else if (event.key === 'Escape') {
    event.preventDefault();
    hide();
    field.focus();
  } else if (event.key === 'Enter' && here === 0) {
    hide();
  }
});
field?.form.addEventListener('focusout', (event) => {
  if (!field.form.contains(event.relatedTarget)) hide();
});
