// A form that publishes a message.

import { act } from "./act.js";
import { h } from "./dom.js";

/** Return the elements of a form for a message to one of the topics. */
export function publishForm(state, topic = state.topics[0]?.name) {
  const choice = h("select", { id: "publish-topic" }, state.topics.map((each) => h("option", { value: each.name, ...(each.name === topic ? { selected: "" } : {}) }, each.name)));
  const data = h("textarea", { id: "publish-data", rows: 8, spellcheck: "false" });
  const attributes = h("textarea", { id: "publish-attributes", rows: 3, spellcheck: "false", placeholder: "name=value" });
  const key = h("input", { id: "publish-key", autocomplete: "off" });
  const submit = async (event) => {
    event.preventDefault();
    const pairs = attributes.value.split("\n").filter((line) => line.includes("=")).map((line) => [line.slice(0, line.indexOf("=")).trim(), line.slice(line.indexOf("=") + 1)]);
    const answer = await act("publish", { topic: choice.value, data: data.value, attributes: Object.fromEntries(pairs), ordering_key: key.value });
    if (answer) data.value = "";
  };
  const field = (text, element) => h("p", { class: "field" }, h("label", { for: element.id }, text), element);
  return [
    h("form", { onsubmit: submit }, field("Topic", choice), field("Data", data), field("Attributes, one a line", attributes), field("Ordering key", key), h("button", { type: "submit", class: "strong" }, "Publish")),
  ];
}
