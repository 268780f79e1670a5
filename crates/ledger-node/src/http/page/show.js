// How things look: elements, identifiers, times, and what a proof proves.
//
// Whatever comes from the ledger or from a file goes into the page as text, never as markup.

/** An element with attributes and children; text stays text. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Other content in place of what an element has: whoever has gone to a link with the keyboard stays at it. */
export function renew(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : undefined;
  element.replaceChildren(...children);
  if (focused) ([...element.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused) ?? element.closest("main")).focus();
}

export const link = (to, text) => h("a", { href: `#/${to}`, class: "id" }, text);
export const short = (id) => `${id.slice(0, 10)}…${id.slice(-6)}`;
export const when = (seconds) => h("time", { datetime: new Date(seconds * 1000).toISOString() },
  new Date(seconds * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC"));
export const facts = (...pairs) => h("dl", {}, ...pairs.filter(([, value]) => value !== undefined && value !== null && value !== "")
  .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

export const sentence = (text) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
/** A status in its colour. */
export const standing = (status) => h("span", { class: status === "live" ? "good" : "bad" }, status);

export const received = (receivers) => h("ul", { class: "plain" }, ...receivers.map(([address, how]) =>
  h("li", {}, link(`member/${address}`, short(address)), ` ${how.replace(" ", ", ")}`)));

/** The path from the share's leaf up to the root that the node signed, with the siblings that it meets. */
export function drawing(said) {
  const step = 58, width = 400, top = 50, middle = width / 2;
  const rows = said.steps.length + 1, height = top + rows * step;
  const at = (row) => height - 30 - row * step;
  const label = (text) => `${text.slice(0, 8)}…`;
  const node = (x, y, kind, text) => svg("g", {}, svg("rect", { x: x - 52, y: y - 13, width: 104, height: 26, rx: 4, class: kind }),
    svg("text", { x, y: y + 4, "text-anchor": "middle" }, text));
  const lines = [], nodes = [node(middle, at(0), "own", `leaf ${said.index}`)];
  said.steps.forEach(({ side, sibling, hash }, row) => {
    const x = side === "left" ? middle - 140 : middle + 140;
    lines.push(svg("path", { class: "edge", d: `M ${x} ${at(row) - 13} L ${middle} ${at(row + 1) + 13}` }),
      svg("path", { class: "way", d: `M ${middle} ${at(row) - 13} L ${middle} ${at(row + 1) + 13}` }));
    nodes.push(node(x, at(row), "sibling", label(sibling)), node(middle, at(row + 1), "own", label(hash)));
  });
  nodes.push(svg("text", { x: middle, y: at(rows - 1) - 24, "text-anchor": "middle" }, "the root that the node signed"));
  const title = `Path of ${said.steps.length} hashes from leaf ${said.index} to the root ${said["log-root"]}`;
  return svg("svg", { class: "path", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, ...lines, ...nodes);
}

/** What a bundle proves about its share. */
export const proven = (said) => facts(
  ["status", standing(state(said))],
  ["sender", link(`member/${said.sender}`, said.sender)],
  ["sender's key", h("code", {}, said["sender-key"])],
  ["content", link(`content/${said.content}`, said.content)],
  ["commitment", h("code", {}, said.commitment)],
  ["receivers", received(said.receivers.map((receiver) => receiver.split(/ (.*)/)))]);

/** `live`, `rejected` or `withdrawn`. */
export const state = (said) => said.status.split(" ")[0];

/** Why it is proven: the path, and the roots that the node signed. */
export const why = (said) => [
  drawing(said),
  h("p", { class: "quiet" }, `The path shows that the share is recorded. That it is “${state(said)}” rests on the proof of the state, ` +
    "which this browser checked too and which is not drawn."),
  facts(["log root", h("code", {}, said["log-root"])], ["state root", h("code", {}, said["state-root"])],
    ["header", h("code", {}, said.header)]),
];
