// What can be copied of a picture. `thumbnails` are those of a status, by name.

const absolute = ({ href }) => new URL(href, location.href).href;

export function snippet(kind, thumbnails, name) {
  const link = absolute(thumbnails[name]);
  if (kind === "link") return link;
  if (kind === "curl") return `curl -OJ '${link}?download=1'`;
  const list = Object.values(thumbnails).sort((one, other) => one.width - other.width);
  const { width, height } = list.at(-1);
  const sources = list.map((each) => `${absolute(each)} ${each.width}w`).join(", ");
  return (
    `<img src="${absolute(list.at(-1))}" srcset="${sources}" ` +
    `sizes="(max-width: ${width}px) 100vw, ${width}px" width="${width}" height="${height}" alt="">`
  );
}

// The clipboard is there only on secure pages; otherwise one copies by hand.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    prompt("Copy this:", text);
    return false;
  }
}
