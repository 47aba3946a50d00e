// Tells screen readers what happened.

const live = document.querySelector("#live");
const PAUSE = 400; // milliseconds
let sentences = [];

export function announce(sentence) {
  if (!sentences.length) setTimeout(tell, PAUSE);
  if (!sentences.includes(sentence)) sentences.push(sentence);
}

function tell() {
  const text = sentences.join(" ");
  sentences = [];
  // The same text again would not be read.
  live.textContent = live.textContent === text ? `${text}\u00a0` : text;
}
