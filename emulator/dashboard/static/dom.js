// Elements, made and changed without ever reading text as HTML.

/** Return a new element: attributes by name, listeners as functions named `on…`. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set an attribute, or remove it if its value is null or false. */
export function set(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Set the text of an element, if it is another. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make the children of an element those of a list, in its order: `make` is called for new items,
 * `update` for all. What has not changed is not touched.
 */
export function keyed(parent, items, key, make, update = () => {}) {
  const known = (parent.known ??= new Map());
  const wanted = new Set(items.map(key));
  for (const [name, child] of known) {
    if (!wanted.has(name)) {
      child.remove();
      known.delete(name);
    }
  }
  let next = parent.firstElementChild;
  for (const item of items) {
    let child = known.get(key(item));
    if (!child) {
      child = make(item);
      known.set(key(item), child);
    }
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    update(child, item);
  }
}

/** Return the element with an id. */
export const by = (id) => document.getElementById(id);
