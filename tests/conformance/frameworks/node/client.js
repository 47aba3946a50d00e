// @google-cloud/pubsub: ordered messages, a snapshot with a seek to it, and a schema.

const { Encodings, PubSub, SchemaTypes } = require("google-pubsub");

const pubsub = new PubSub({ projectId: "node" });

async function made(name, settings = {}) {
  const [topic] = await pubsub.createTopic(name);
  const [subscription] = await topic.createSubscription(name, settings);
  return [topic, subscription];
}

// Resolves to what `take` has returned for so many messages.
function received(subscription, count, take) {
  return new Promise((resolve, reject) => {
    const seen = [];
    subscription.on("error", reject);
    subscription.on("message", async (message) => {
      message.ack();
      seen.push(await take(message, seen.length));
      if (seen.length === count) {
        await subscription.close();
        resolve(seen);
      }
    });
  });
}

async function ordered() {
  const [, subscription] = await made("ordered", { enableMessageOrdering: true });
  const topic = pubsub.topic("ordered", { messageOrdering: true });
  const all = received(subscription, 5, (message) => String(message.data));
  for (const text of "abcde") {
    topic.publishMessage({ data: Buffer.from(text), orderingKey: "key" });
  }
  console.log("ordered", (await all).join(""));
}

async function replayed() {
  const [topic, subscription] = await made("replayed");
  const snapshot = subscription.snapshot("replayed");
  await snapshot.create();
  let id;
  const both = received(subscription, 2, async (message, before) => {
    if (before === 0) await snapshot.seek();
    return message.id === id;
  });
  id = await topic.publishMessage({ data: Buffer.from("once") });
  console.log("replayed", ...(await both));
}

async function checked() {
  const definition = '{"type":"record","name":"State","fields":[{"name":"name","type":"string"}]}';
  const schema = await pubsub.createSchema("state", SchemaTypes.Avro, definition);
  const [topic] = await pubsub.createTopic({
    name: "checked",
    schemaSettings: { schema: await schema.getName(), encoding: Encodings.Json },
  });
  await topic.publishMessage({ data: Buffer.from('{"name":"Alaska"}') });
  const refused = await topic.publishMessage({ data: Buffer.from("{}") }).catch((error) => error);
  console.log("refused", refused.code);
}

ordered().then(replayed).then(checked).then(() => process.exit(0));
