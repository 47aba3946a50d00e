// Shows /openapi.json with Swagger UI, which the page has loaded before.

import { plainNames } from "./docs-access.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// An upload to try out begins with what it needs. Swagger UI would fill in an example of every option and send them all,
// and send those that are left empty too.
function withoutExamples(text) {
  const spec = JSON.parse(text);
  const { properties, required } = spec.components.schemas.Form;
  for (const [name, option] of Object.entries(properties)) {
    if (!required.includes(name)) option.examples = [""];
  }
  for (const { post } of Object.values(spec.paths)) {
    for (const parameter of post?.parameters ?? []) {
      if (parameter.content) parameter.content["application/json"].schema.example = "";
    }
  }
  return JSON.stringify(spec);
}

const emptyForms = {
  statePlugins: { spec: { wrapActions: { updateSpec: (update) => (text) => update(withoutExamples(text)) } } },
  components: { ParameterIncludeEmpty: () => null },
};

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  plugins: [emptyForms, plainNames],
  validatorUrl: null, // nothing is sent elsewhere
});
