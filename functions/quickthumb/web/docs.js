// Shows /openapi.json with Swagger UI, which the page has loaded before.

import { plainNames } from "./docs-access.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  plugins: [plainNames],
  tryItOutEnabled: true,
  validatorUrl: null, // nothing is sent elsewhere
});
