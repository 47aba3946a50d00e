// What can be copied from a picture.

// Links are absolute. `thumbnails` are those of a status, by name.
export function snippet(kind, thumbnails, name) {
  const absolute = (thumbnail) => new URL(thumbnail.href, location.href).href;
  const link = absolute(thumbnails[name]);
  if (kind === "link") return link;
  if (kind === "curl") return `curl -OJ '${link}?download=1'`;
  return image(Object.values(thumbnails).sort((one, other) => one.width - other.width), absolute);
}

function image(thumbnails, absolute) {
  const widest = thumbnails.at(-1);
  const sources = thumbnails.map((each) => `${absolute(each)} ${each.width}w`).join(", ");
  return (
    `<img src="${absolute(widest)}" srcset="${sources}" ` +
    `sizes="(max-width: ${widest.width}px) 100vw, ${widest.width}px" ` +
    `width="${widest.width}" height="${widest.height}" alt="" loading="lazy">`
  );
}

// The clipboard is there only on secure pages; otherwise the old way.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    const focused = document.activeElement;
    field.value = text;
    field.className = "unseen";
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return isCopied;
  }
}
