// Which way events go through the drawing, and who has caused what.

const MOST_REQUESTS = 500;

/** Turns the flow into movements, and learns which function publishes and stores where. */
export class Journey {
  constructor(drawing, seen) {
    this.drawing = drawing;
    this.seen = seen;
    this.requests = new Map();
  }

  /** Follow events; returns whether a new edge was learned. */
  follow(events, state) {
    if (!events.length) return false;
    const first = events[0].time;
    let isNew = false;
    for (const event of events) {
      const delay = Math.min(0.3, Math.max(0, event.time - first));
      isNew = (STEPS[event.kind]?.(event, delay, this, state) ?? false) || isNew;
    }
    return isNew;
  }

  /** Return the function that has caused something, null if nobody or several may have. */
  cause(subject, time, state) {
    const running = [...this.requests.values()].filter((each) => each.began <= time && (each.ended ?? Infinity) >= time);
    const sure = running.filter((each) => subject && each.subjects.includes(subject));
    if (sure.length) return sure.reduce((a, b) => (b.began > a.began ? b : a)).function;
    const names = new Set(running.filter((each) => !each.subjects.length).map((each) => each.function));
    const callers = state.functions.filter((each) => each.trigger !== "pubsub" && names.has(each.name));
    return callers.length === 1 ? callers[0].name : null;
  }

  /** Remember a request for as long as something may be told that it has caused. */
  note(event) {
    this.requests.set(event.request, { function: event.function, began: event.time, ended: null, subjects: event.subjects ?? [] });
    if (this.requests.size > MOST_REQUESTS) this.requests.delete(this.requests.keys().next().value);
  }
}

const STEPS = {
  began(event, delay, journey, state) {
    journey.note(event);
    const reads = event.method === "GET" || event.method === "HEAD" || event.method === "OPTIONS";
    const function_ = `function:${event.function}`;
    if (!event.message && !reads) journey.drawing.travel([["client:clients", function_]], "job", event.request, delay);
    if (event.message && state.untold) {
      // Google's emulator tells of no delivery: the request is all that one sees.
      const subscription = state.subscriptions.find((each) => each.push_to === event.function);
      if (subscription) {
        journey.drawing.travel([[`topic:${subscription.topic}`, `subscription:${subscription.name}`], [`subscription:${subscription.name}`, function_]], "job", event.subject ?? event.message, delay);
      }
    }
  },
  published(event, delay, journey, state) {
    const topic = `topic:${event.topic}`;
    const by = journey.cause(event.subject, event.time, state);
    const ways = [];
    if (by) ways.push([`function:${by}`, topic]);
    for (const each of state.subscriptions) if (each.kind === "push" && each.topic === event.topic) ways.push([topic, `subscription:${each.name}`]);
    const kind = event.state === "done" ? "done" : state.topics.some((each) => each.name === event.topic && each.dead_letters_of.length) ? "dead" : event.state === "failed" ? "failed" : "job";
    const isNew = by ? journey.seen.add(`function:${by}`, topic) : false;
    journey.drawing.travel(ways, kind, event.subject, delay);
    return isNew;
  },
  delivered(event, delay, journey, state) {
    const known = state.subscriptions.find((each) => each.name === event.subscription);
    if (known?.push_to) journey.drawing.travel([[`subscription:${known.name}`, `function:${known.push_to}`]], "job", event.subject, delay);
  },
  stored(event, delay, journey, state) {
    const by = journey.cause(event.subject, event.time, state);
    const isNew = by ? journey.seen.add(`function:${by}`, `bucket:${event.bucket}`) : false;
    if (by) journey.drawing.travel([[`function:${by}`, `bucket:${event.bucket}`]], "done", event.subject, delay);
    return isNew;
  },
  failed(event, delay, journey, state) {
    const known = state.subscriptions.find((each) => each.name === event.subscription);
    if (known?.push_to) journey.drawing.travel([[`function:${known.push_to}`, `subscription:${known.name}`]], "failed", event.subject, delay);
  },
  dead(event, delay, journey) {
    journey.drawing.travel([[`subscription:${event.subscription}`, `topic:${event.topic}`]], "dead", event.subject, delay);
  },
  ended(event, _delay, journey) {
    const known = journey.requests.get(event.request);
    if (known) {
      known.ended = event.time;
      known.subjects = event.subjects ?? known.subjects;
    }
    if (event.outcome !== "done") journey.drawing.mark(`function:${event.function}`, "failed");
  },
};
