// Small helpers around the document.

export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

// make("li", {className: "x"}, "text", other): an element with properties and children.
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// As `percent` of the Python package: 0 and 100 are written for these themselves alone.
export function percent(value) {
  const text = (100 * value).toFixed(1);
  if (value > 0 && text === "0.0") return "< 0.1 %";
  if (value < 1 && text === "100.0") return "> 99.9 %";
  return `${text} %`;
}

// Lets the last of many calls through, once they pause.
export function debounced(callback, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => callback(...values), milliseconds);
  };
}

export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Labels with bars, and a tick where a label reaches its threshold; bars of an older list grow or shrink into their new length.
export function showLabels(list, predictions) {
  while (list.children.length > predictions.length) list.lastChild.remove();
  predictions.forEach(({ label, probability, above }, number) => {
    let item = list.children[number];
    if (!item) {
      const bar = make("span", { className: "bar" }, make("i"));
      bar.setAttribute("aria-hidden", "true");
      item = make("li", {}, make("span", { className: "word" }), make("span", { className: "value" }), bar);
      list.append(item);
    }
    find(".word", item).textContent = label;
    find(".value", item).textContent = above ? `${percent(probability)} \u2713` : percent(probability);
    item.title = above ? "above its threshold" : "";
    const bar = find(".bar i", item);
    requestAnimationFrame(() => { bar.style.width = `${100 * probability}%`; });
  });
}

export async function loadPicture(address) {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return picture;
}
