// The interface's description, /openapi.json, as a page; nothing is loaded from elsewhere.

import { find, make } from "/static/dom.js";

function schemaName(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(schemaName).filter((name) => name !== "null").join(" or ");
  if (schema.type === "array") return `list of ${schemaName(schema.items) || "values"}`;
  return schema.contentMediaType || schema.format === "binary" ? "file" : schema.type ?? "value";
}

// Text in which `names` stand between backquotes.
function prose(text) {
  return text.split("`").map((part, number) => (number % 2 ? make("code", {}, part) : part));
}

function table(heads, rows) {
  return make("div", { className: "wide" }, make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell)))))));
}

function fields(description, operation) {
  const content = Object.values(operation.requestBody?.content ?? {})[0];
  if (!content) return [];
  const schema = description.components.schemas[schemaName(content.schema)];
  return Object.entries(schema.properties).map(([name, field]) => [
    make("code", {}, name),
    schemaName(field),
    schema.required?.includes(name) ? "needed" : `${field.default ?? "none"}`,
    field.description ?? "",
  ]);
}

function answers(operation) {
  return Object.entries(operation.responses).map(([status, answer]) => {
    const content = Object.entries(answer.content ?? {})[0];
    return [make("code", {}, status), content ? schemaName(content[1].schema) || content[0] : "", answer.description];
  });
}

function section(description, path, method, operation) {
  const given = fields(description, operation);
  return make("article", {},
    make("h2", {}, make("span", { className: "method" }, method.toUpperCase()), make("code", {}, path), operation.summary),
    make("p", { className: "pale" }, ...prose(operation.description ?? "")),
    ...(given.length ? [table(["Field", "Kind", "Default", ""], given)] : []),
    table(["Status", "Answer", ""], answers(operation)));
}

const description = await (await fetch("/openapi.json")).json();
find("#about").append(...prose(description.info.description));
for (const [path, operations] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    find("#reference").append(section(description, path, method, operation));
  }
}
for (const [name, schema] of Object.entries(description.components.schemas)) {
  if (!name.endsWith("Answer")) continue;
  const rows = Object.entries(schema.properties).map(([field, about]) => [
    make("code", {}, field), schemaName(about), about.description ?? "",
  ]);
  find("#reference").append(make("article", {}, make("h2", {}, name),
    make("p", { className: "pale" }, schema.description ?? ""), table(["Field", "Kind", ""], rows)));
}
