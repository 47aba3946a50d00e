// The nodes and the edges of the drawing, as the state describes them.

/** Return what writes to what, as far as it was seen: edges are kept from visit to visit. */
export class Seen {
  constructor(project) {
    this.name = `seen ${project}`;
    this.edges = new Set(JSON.parse(localStorage.getItem(this.name) ?? "[]"));
  }

  /** Note an edge; return whether it is new. */
  add(from, to) {
    const id = `${from}>${to}`;
    if (this.edges.has(id)) return false;
    this.edges.add(id);
    localStorage.setItem(this.name, JSON.stringify([...this.edges]));
    return true;
  }
}

/**
 * Return the nodes, each with a column of the drawing and a lane, and the edges between them.
 *
 * Callers are on the left. Each push subscription has a lane: its topic, the subscription, and
 * the function that it pushes to. Topics without one are on the right, and buckets at the bottom.
 */
export function graph(state, seen) {
  const nodes = [];
  const edges = new Map();
  const lane = (kind, name, column, row, about) => nodes.push({ id: `${kind}:${name}`, kind, name, column, row, about });
  const join = (from, to, kind) => edges.has(`${from}>${to}`) || edges.set(`${from}>${to}`, { from, to, kind });

  const pushes = state.subscriptions.filter((each) => each.kind === "push");
  const isDead = (topic) => topic.dead_letters_of.length > 0;
  const topics = [...state.topics].sort((a, b) => isDead(a) - isDead(b));
  const callers = state.functions.filter((each) => each.trigger !== "pubsub");
  const called = new Map(state.functions.filter((each) => each.trigger === "pubsub").map((each) => [each.name, each]));
  const dead = new Set(pushes.filter((each) => topics.some((topic) => isDead(topic) && topic.name === each.topic)).map((each) => each.push_to));

  callers.forEach((each, row) => lane("function", each.name, 1, row, each));
  if (callers.some((each) => each.trigger === "http")) lane("client", "clients", 0, 0, {});
  for (const each of callers) if (each.trigger === "http") join("client:clients", `function:${each.name}`, "call");

  let row = 0;
  const rows = (topic) => {
    for (const each of pushes.filter((push) => push.topic === topic)) {
      lane("subscription", each.name, 3, row, each);
      if (topic) join(`topic:${topic}`, `subscription:${each.name}`, "push");
      const target = called.get(each.push_to);
      if (target && !target.row) lane("function", target.name, 4, row, target);
      if (target) called.delete(target.name);
      if (state.functions.some((known) => known.name === each.push_to)) join(`subscription:${each.name}`, `function:${each.push_to}`, "push");
      row += 1;
    }
  };
  for (const topic of topics.filter((each) => pushes.some((push) => push.topic === each.name))) {
    lane("topic", topic.name, 2, row, topic);
    rows(topic.name);
  }
  rows(null);
  for (const each of called.values()) lane("function", each.name, 4, row++, each);
  const ends = topics.filter((each) => !pushes.some((push) => push.topic === each.name));
  ends.forEach((each, index) => lane("topic", each.name, 5, index, each));
  for (const each of pushes) if (each.dead_letter_topic) join(`subscription:${each.name}`, `topic:${each.dead_letter_topic}`, "dead");
  state.buckets.forEach((each, index) => {
    lane("bucket", each.name, index, -1, each);
    if (each.notifies) join(`bucket:${each.name}`, `topic:${each.notifies}`, "notify");
  });
  const ids = new Set(nodes.map((node) => node.id));
  for (const id of seen.edges) {
    const [from, to] = id.split(">");
    if (ids.has(from) && ids.has(to)) join(from, to, "seen");
  }
  assume(state, topics, ends, pushes, dead, edges, join);
  return { nodes, edges: [...edges.values()] };
}

/**
 * Join functions with the topics that they probably publish to, as far as their settings tell,
 * until something is seen to be published.
 */
function assume(state, topics, ends, pushes, dead, edges, join) {
  for (const each of state.functions) {
    const from = `function:${each.name}`;
    if (dead.has(each.name) || [...edges.values()].some((edge) => edge.from === from && edge.to.startsWith("topic:"))) continue;
    const known = each.topics ?? [];
    const isCaller = each.trigger !== "pubsub";
    for (const topic of topics) {
      const isEnd = ends.includes(topic);
      const feedsItself = pushes.some((push) => push.topic === topic.name && push.push_to === each.name);
      if (!known.includes(topic.name) || topic.dead_letters_of.length || feedsItself || isEnd === isCaller) continue;
      join(from, `topic:${topic.name}`, "assumed");
    }
  }
}
