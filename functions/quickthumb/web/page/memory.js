// What the browser keeps between visits. Without storage, everything works until the next reload.

function kept(storage, name, otherwise) {
  try {
    return JSON.parse(storage().getItem(`quickthumb.${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(storage, name, value) {
  try {
    storage().setItem(`quickthumb.${name}`, JSON.stringify(value));
  } catch {
    // Full, or switched off.
  }
}

export function recall(name, otherwise) {
  return kept(() => localStorage, name, otherwise);
}

export function remember(name, value) {
  keep(() => localStorage, name, value);
}

export function recallForSession(name, otherwise) {
  return kept(() => sessionStorage, name, otherwise);
}

export function rememberForSession(name, value) {
  keep(() => sessionStorage, name, value);
}
