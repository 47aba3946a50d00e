// Tells screen readers what happened: in one place, and not more often than one can listen.

const live = document.querySelector("#live");
const PAUSE = 400; // milliseconds in which a newer sentence replaces an older one
let timer;

export function announce(sentence) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    // The same sentence again would not be read.
    live.textContent = live.textContent === sentence ? `${sentence}\u00a0` : sentence;
  }, PAUSE);
}
