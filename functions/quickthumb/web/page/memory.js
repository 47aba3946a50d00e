// What the browser keeps. Without storage, everything works until the page is left.

export function recall(name, otherwise, storage = "localStorage") {
  try {
    return JSON.parse(window[storage].getItem(`quickthumb.${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name, value, storage = "localStorage") {
  try {
    window[storage].setItem(`quickthumb.${name}`, JSON.stringify(value));
  } catch {
    // Full, or switched off.
  }
}
