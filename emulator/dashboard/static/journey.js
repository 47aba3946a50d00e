// Which way events go through the drawing, and who has caused what.

const MOST_REQUESTS = 500;

/** Turns the flow into movements, and learns which function publishes and stores where. */
export class Journey {
  constructor(drawing, seen) {
    this.drawing = drawing;
    this.seen = seen;
    this.requests = new Map();
    this.unsure = [];
  }

  /** Follow events. */
  follow(events, state) {
    // What was at work before this page was opened has begun unseen.
    for (const each of state.functions) {
      for (const instance of each.instances) {
        for (const request of instance.running) if (!this.requests.has(request.id)) this.note({ ...request, request: request.id, time: request.began });
      }
    }
    const first = events[0]?.time;
    for (const event of events) STEPS[event.kind]?.(event, Math.min(0.3, Math.max(0, event.time - first)), this, state);
  }

  /**
   * Return the function that has caused something, null if that is not known, and learn the edge
   * if it is sure. Functions that are called over HTTP tell only when they end what it was about.
   */
  cause(event, to, state) {
    const running = [...this.requests.values()].filter((each) => each.began <= event.time && (each.ended ?? Infinity) >= event.time);
    const sure = running.filter((each) => each.subjects.includes(event.subject));
    if (sure.length) {
      const name = sure.reduce((a, b) => (b.began > a.began ? b : a)).function;
      this.seen.add(`function:${name}`, to);
      return name;
    }
    this.unsure.push({ subject: event.subject, time: event.time, to });
    if (this.unsure.length > MOST_REQUESTS) this.unsure.shift();
    const names = new Set(running.filter((each) => !each.subjects.length).map((each) => each.function));
    const callers = state.functions.filter((each) => each.trigger === "http" && names.has(each.name));
    return callers.length === 1 ? callers[0].name : null;
  }

  /** A request has ended, and says what it was about: learn what it has caused. */
  settle(request) {
    this.unsure = this.unsure.filter((each) => {
      const is = request.subjects.includes(each.subject) && request.began <= each.time && each.time <= request.ended;
      if (is) this.seen.add(`function:${request.function}`, each.to);
      return !is;
    });
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
    const by = journey.cause(event, topic, state);
    const ways = [];
    if (by) ways.push([`function:${by}`, topic]);
    for (const each of state.subscriptions) if (each.kind === "push" && each.topic === event.topic) ways.push([topic, `subscription:${each.name}`]);
    const kind = event.state === "done" ? "done" : state.topics.some((each) => each.name === event.topic && each.dead_letters_of.length) ? "dead" : event.state === "failed" ? "failed" : "job";
    journey.drawing.travel(ways, kind, event.subject, delay);
  },
  delivered(event, delay, journey, state) {
    const known = state.subscriptions.find((each) => each.name === event.subscription);
    if (known?.push_to) journey.drawing.travel([[`subscription:${known.name}`, `function:${known.push_to}`]], "job", event.subject, delay);
  },
  stored(event, delay, journey, state) {
    const by = journey.cause(event, `bucket:${event.bucket}`, state);
    if (by) journey.drawing.travel([[`function:${by}`, `bucket:${event.bucket}`]], "done", event.subject, delay);
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
      if (event.method !== "GET" && event.method !== "HEAD") journey.settle(known);
    }
    if (event.outcome !== "done") journey.drawing.mark(`function:${event.function}`, "failed");
  },
};
