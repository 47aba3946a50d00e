// A NestJS microservice and its client: one request with an answer, and one event.

require("reflect-metadata");
const { Controller, Module } = require("@nestjs/common");
const { NestFactory } = require("@nestjs/core");
const { EventPattern, MessagePattern } = require("@nestjs/microservices");
const { GCPubSubClient, GCPubSubServer } = require("nestjs-google-pubsub-microservice");
const { lastValueFrom, timeout } = require("rxjs");

const client = { projectId: "nest" };
let hear;
const heard = new Promise((resolve) => (hear = resolve));

class Cats {
  sum(numbers) {
    return numbers.reduce((total, number) => total + number, 0);
  }

  born(name) {
    hear(name);
  }
}

class App {}

// What TypeScript writes as @decorators.
function decorate(decorator, method) {
  decorator(Cats.prototype, method, Object.getOwnPropertyDescriptor(Cats.prototype, method));
}
decorate(MessagePattern("sum"), "sum");
decorate(EventPattern("born"), "born");
Controller()(Cats);
Module({ controllers: [Cats] })(App);

async function main() {
  const strategy = new GCPubSubServer({ topic: "cats", subscription: "cats", client });
  const app = await NestFactory.createMicroservice(App, { logger: ["error"], strategy });
  await app.listen();
  const caller = new GCPubSubClient({
    topic: "cats",
    replyTopic: "answers",
    replySubscription: "answers",
    client,
  });
  await caller.connect();
  console.log("sum", await lastValueFrom(caller.send("sum", [1, 2, 3]).pipe(timeout(20000))));
  caller.emit("born", "Tom").subscribe();
  console.log("born", await heard);
  await caller.close();
  await app.close();
}

main().then(() => process.exit(0));
