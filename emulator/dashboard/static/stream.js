// The state and the flow as they come, at most one change of the page per frame.

const MOST_EVENTS = 2000;
const PAUSE = 1000;

/**
 * Listen to the local cloud. A browser tries again by itself after a lost connection, but not
 * after an error, such as that of a server which has not started yet.
 *
 * @param {(state: object, events: object[]) => void} changed is called once per frame at most
 * @param {(isConnected: boolean) => void} connected
 */
export function listen(changed, connected) {
  let state = null;
  let events = [];
  let frame = 0;
  let source;

  const show = () => {
    frame = 0;
    const given = events;
    events = [];
    if (state) changed(state, given);
  };
  // A hidden page has no frames: it looks at the latest state once a second, for its title.
  const later = () => {
    frame ||= document.hidden ? setTimeout(show, 1000) : requestAnimationFrame(show);
  };
  const open = () => {
    source = new EventSource("/api/events");
    source.addEventListener("open", () => connected(true));
    source.addEventListener("state", (message) => {
      state = JSON.parse(message.data);
      later();
    });
    source.addEventListener("flow", (message) => {
      events = document.hidden ? [] : events.concat(JSON.parse(message.data)).slice(-MOST_EVENTS);
    });
    source.addEventListener("error", () => {
      connected(false);
      source.close();
      setTimeout(open, PAUSE);
    });
  };
  document.addEventListener("visibilitychange", () => {
    frame = 0;
    if (!document.hidden) later();
  });
  open();
}
