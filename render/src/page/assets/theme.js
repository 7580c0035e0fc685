// Before the first paint, so that a page that was switched to dark never flashes white.
try {
  const kept = localStorage.getItem('kymo.theme');
  if (kept && !document.documentElement.dataset.theme) document.documentElement.dataset.theme = kept;
} catch { /* no storage: the system's wish holds */ }
