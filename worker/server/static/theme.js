// Before anything is drawn: the colours that were chosen the last time.
try {
  const chosen = localStorage.getItem("stridegraph.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // storage may be forbidden: then the system decides
}
