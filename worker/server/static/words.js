// Numbers and elements, as the page writes them. Text of the graph goes in as text, never as HTML.

/** Return a number in a few characters. */
export function short(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 10_000) return Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  return Number(value.toPrecision(size < 0.001 ? 1 : size < 0.01 ? 2 : 3)).toString();
}

/** Return a text whose commands are marked `so` as what an element is made of. */
export function marked(text) {
  return text.split("`").map((part, k) => (k % 2 ? element("code", { textContent: part }) : part));
}

/** Make an element of a tag, its properties and what is in it. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
