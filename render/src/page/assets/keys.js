// Keys for the whole page, the theme switch and the list of keys.
import { toggle } from './live.js';

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  try {
    localStorage.setItem('kymo.theme', root.dataset.theme);
  } catch { /* then it holds for this page */ }
}

const help = () => document.getElementById('keys').showModal();
document.getElementById('theme').addEventListener('click', switchTheme);
document.getElementById('help').addEventListener('click', help);

document.addEventListener('keydown', (event) => {
  if (event.target.closest?.('input,textarea,dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/') {
    event.preventDefault();
    const search = document.getElementById('search');
    search.focus();
    search.select();
  }
  if (event.key === 't') switchTheme();
  if (event.key === 'l') toggle();
  if (event.key === '?') help();
});
