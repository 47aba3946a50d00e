// Mends barriers of Swagger UI: names for its fields and regions, one link or button at a place,
// headings in their order.

const root = document.querySelector("#docs");

// Attributes by selector; a function gets the element.
const MENDED = [
  ["#servers", "aria-label", () => "Server"],
  [".information-container", "role", () => "banner"],
  [".scheme-container", "role", () => "region"],
  [".scheme-container", "aria-label", () => "Server"],
  [".models", "role", () => "region"],
  [".models", "aria-label", () => "Schemas"],
  [".responses-table", "role", () => "table"], // and no landmark
  [".body-param__text", "aria-label", () => "Request body"],
  [".content-type", "aria-label", () => "Media type"],
  [".examples-select-element", "aria-label", () => "Example"],
  ["[data-param-name] :is(input, select, textarea)", "aria-label", nameOfParameter],
  [".opblock-body :is(input, select, textarea)", "aria-label", nameOfRow],
  ["pre", "tabindex", () => "0"], // it can be scrolled
  ["h3.opblock-tag", "aria-level", () => "2"],
  [":is(h4, h5)", "aria-level", () => "3"],
];

function nameOfParameter(element) {
  return element.closest("[data-param-name]").dataset.paramName;
}

function nameOfRow(element) {
  const row = element.closest("tr, label, .opblock-section-request-body, .responses-inner");
  return row?.querySelector(".parameter__name, small, h4, .response-control-media-type__title")?.textContent ?? "Value";
}

function mend() {
  for (const [selector, attribute, value] of MENDED) {
    for (const element of root.querySelectorAll(selector)) {
      const isNamed = attribute !== "role" && element.hasAttribute(attribute);
      if (!isNamed) element.setAttribute(attribute, value(element));
    }
  }
}

new MutationObserver(mend).observe(root, { childList: true, subtree: true });

// The name of an operation or a tag is within a button, and so cannot be a link as well. Addresses
// of operations keep working, since the button changes the address.
export const plainNames = ({ React }) => ({
  wrapComponents: { DeepLink: () => ({ text }) => React.createElement("span", null, text) },
});
