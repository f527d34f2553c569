// The colours of page.css, for what is drawn on a canvas.

/** Return those in force. */
export function colours() {
  const style = getComputedStyle(document.documentElement), read = (name) => style.getPropertyValue(`--${name}`).trim();
  const found = Object.fromEntries(["text", "soft", "map", "link", "grid", "glow", "good", "card", "edge", "main"].map((name) => [name, read(name)]));
  return { ...found, types: Array.from({ length: 9 }, (_, k) => read(`c${k}`)) };
}

/** Return red, green and blue of #rgb or #rrggbb, each up to 255. */
export function parts(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.length === 4 ? hex[(at + 1) / 2].repeat(2) : hex.slice(at, at + 2), 16));
}

/** Return the whole number that WebGL is given for a colour with a share of another in it; `last` is its fourth byte. */
export function packed(one, other = one, share = 0, last = 255) {
  const [red, green, blue] = one.map((value, k) => Math.round(value + (other[k] - value) * share));
  return (red | (green << 8) | (blue << 16) | (last << 24)) >>> 0;
}
