// Numbers and elements, as the page writes them. Text of the graph goes in as text, never as HTML.

/** Return a number in a few characters. */
export function short(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 10_000) return Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
  if (size < 0.001) return Number(value.toPrecision(1)).toString();
  return Number(value.toPrecision(3)).toString();
}

/** Make an element of a tag, its properties and what is in it. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
