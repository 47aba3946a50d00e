// Sizes and times as people read them.

function rounded(number) {
  return number.toLocaleString("en", { maximumSignificantDigits: number < 100 ? 2 : 3 });
}

export function bytes(number) {
  if (number < 1000) return `${number} bytes`;
  if (number < 999_500) return `${rounded(number / 1000)}\u00a0kB`;
  return `${rounded(number / 1e6)}\u00a0MB`;
}

export function limit(number) {
  const mebibytes = number / 2 ** 20;
  return Number.isInteger(mebibytes) ? `${mebibytes}\u00a0MiB` : bytes(number);
}

export function duration(milliseconds) {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)}\u00a0ms`;
  return `${rounded(milliseconds / 1000)}\u00a0s`;
}

export function several(number, one) {
  return `${number} ${number === 1 ? one : `${one}s`}`;
}
