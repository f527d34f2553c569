// The colours of page.css, for what is drawn on a canvas.

/** Return those in force. */
export function colours() {
  const style = getComputedStyle(document.documentElement), read = (name) => style.getPropertyValue(`--${name}`).trim();
  const found = Object.fromEntries(["text", "soft", "map", "link", "grid", "glow", "good", "card", "edge", "main"].map((name) => [name, read(name)]));
  return { ...found, types: Array.from({ length: 9 }, (_, k) => read(`c${k}`)) };
}

const known = new Map();

/** Return a colour with a share of another in it. */
export function mix(one, other, share) {
  const steps = Math.round(Math.min(1, Math.max(0, share)) * 20), key = `${one}${other}${steps}`;
  if (!known.has(key)) {
    const parts = [one, other].map((hex) => [1, 3, 5].map((at) => parseInt(hex.length === 4 ? hex[(at + 1) / 2].repeat(2) : hex.slice(at, at + 2), 16)));
    known.set(key, `#${[0, 1, 2].map((k) => Math.round(parts[0][k] + (parts[1][k] - parts[0][k]) * (steps / 20)).toString(16).padStart(2, "0")).join("")}`);
  }
  return known.get(key);
}
