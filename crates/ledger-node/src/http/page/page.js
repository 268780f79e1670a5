// The page: asks the API, shows what it says, and checks the proof of a share itself.
//
// Whatever comes from the ledger goes into the page as text, never as markup.

import { verify } from "./verifier.js";

const main = document.querySelector("#main");
const HEX64 = /^[0-9a-f]{64}$/i, HEX40 = /^[0-9a-f]{40}$/i;

/** An element with attributes and children; text stays text. */
function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const link = (to, text) => h("a", { href: `#/${to}`, class: "id" }, text);
const short = (id) => `${id.slice(0, 10)}…${id.slice(-6)}`;
const when = (seconds) => h("time", { datetime: new Date(seconds * 1000).toISOString() },
  new Date(seconds * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC"));
const facts = (...pairs) => h("dl", {}, ...pairs.filter(([, value]) => value !== undefined && value !== null && value !== "")
  .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

class Problem extends Error {
  constructor(problem) { super(problem.detail); this.code = problem.code; this.status = problem.status; }
}

async function ask(path) {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  const body = await response.json();
  if (!response.ok) throw new Problem(body);
  return body;
}

/** Whom this browser trusts and what it has seen of that ledger: the first key it met, until it is told otherwise. */
const memory = {
  key: (chain) => localStorage.getItem(`key ${chain}`),
  trust: (chain, key) => localStorage.setItem(`key ${chain}`, key),
  seen: (key) => localStorage.getItem(`checkpoint ${key}`),
  see: (key, note) => localStorage.setItem(`checkpoint ${key}`, note),
};

let genesis;
async function ledger() {
  if (genesis) return genesis;
  const found = await ask("v1/genesis");
  const known = memory.key(found.chain);
  if (!known) memory.trust(found.chain, found.log_key);
  genesis = { ...found, trusted: known ?? found.log_key };
  document.querySelector("#ledger").textContent = `ledger of ${found.name}`;
  document.querySelector("#trust").replaceChildren(
    "This browser checks proofs with the key ", h("code", {}, genesis.trusted),
    known ? ", which it has known before." : ", which the server named just now: compare it with what its operator says in person.");
  return genesis;
}

// ---- what is shown

async function blocks() {
  const [page, checkpoint] = await Promise.all([ask("v1/blocks?limit=20"), ask("v1/checkpoint")]);
  const rows = page.items.map((block) => h("tr", {},
    h("td", { class: "number" }, link(`block/${block.height}`, String(block.height))),
    h("td", {}, when(block.time)),
    h("td", { class: "number" }, String(block.log_size - block.first)),
    h("td", { class: "id wide" }, short(block.log_root)),
    h("td", { class: "id wide" }, short(block.state_root))));
  listen(checkpoint.size);
  return [
    h("h2", {}, "Latest blocks"),
    h("p", { class: "quiet" }, `${checkpoint.size} transactions in ${checkpoint.height + 1} blocks.`),
    h("table", { id: "blocks" },
      h("thead", {}, h("tr", {}, h("th", { class: "number" }, "height"), h("th", {}, "time"),
        h("th", { class: "number" }, "transactions"), h("th", { class: "wide" }, "log root"), h("th", { class: "wide" }, "state root"))),
      h("tbody", {}, ...rows)),
  ];
}

async function block(height) {
  const found = await ask(`v1/blocks/${height}`);
  return [
    h("h2", {}, `Block ${found.height}`),
    facts(["time", when(found.time)], ["header", h("code", {}, found.cid)], ["previous", h("code", {}, found.previous)],
      ["log size", String(found.log_size)], ["log root", h("code", {}, found.log_root)], ["state root", h("code", {}, found.state_root)]),
    h("h2", {}, "Transactions"),
    timeline(found.transactions),
  ];
}

function timeline(transactions) {
  if (transactions.length === 0) return h("p", { class: "quiet" }, "None.");
  return h("ol", { class: "timeline" }, ...transactions.map((tx) => h("li", { class: tx.kind },
    h("b", {}, tx.kind), " by ", link(`member/${tx.sender}`, short(tx.sender)), " ",
    h("span", { class: "quiet" }, when(tx.time), ", block ", link(`block/${tx.height}`, String(tx.height))),
    tx.share_id ? h("div", {}, "share ", link(`share/${tx.share_id}`, short(tx.share_id))) : undefined,
    tx.member ? h("div", {}, "member ", link(`member/${tx.member}`, short(tx.member))) : undefined,
    tx.receivers ? h("div", {}, "for ", ...tx.receivers.flatMap((to) => [link(`member/${to}`, short(to)), " "])) : undefined,
    tx.text ? h("div", {}, "“", tx.text, "”") : undefined,
    h("div", { class: "quiet" }, link(`tx/${tx.id}`, short(tx.id))))));
}

async function share(id) {
  const [found, events] = await Promise.all([ask(`v1/shares/${id}`), ask(`v1/shares/${id}/events`)]);
  const last = found.events.at(-1);
  const proof = h("div", { id: "proof" }, h("p", { class: "quiet" }, "Checking the proof in this browser…"));
  prove(id, proof);
  listen(last + 1, id);
  return [
    h("h2", {}, "Share ", h("code", {}, id)),
    facts(
      ["status", h("span", { class: found.status === "live" ? "good" : "bad" }, found.status)],
      ["sender", link(`member/${found.sender}`, found.sender)],
      ["content", h("code", {}, found.content)],
      ["commitment", h("code", {}, found.commitment)],
      ["receivers", h("span", {}, ...found.receivers.flatMap((receiver) => [link(`member/${receiver.address}`, short(receiver.address)),
        receiver.revoked !== undefined ? " (taken back) " : receiver.accepted !== undefined ? " (accepted) " : " (granted) "]))]),
    h("h2", {}, "What happened"),
    timeline(events.items),
    h("h2", {}, "Proof"),
    proof,
  ];
}

/** Fetches the bundle of a share and believes it or not: the server's word on it counts for nothing. */
async function prove(id, into) {
  try {
    const { trusted } = await ledger();
    const older = memory.seen(trusted);
    const size = older?.split("\n")[1];
    const response = await fetch(`v1/shares/${id}/proof${size ? `?older=${size}` : ""}`);
    if (!response.ok) throw new Problem(await response.json());
    const bundle = new Uint8Array(await response.arrayBuffer());
    const said = await verify(bundle, trusted, older);
    if (said.verified && said.share !== id) {
      Object.assign(said, { verified: false, reason: `the proof is about another share, ${said.share}` });
    }
    if (!said.verified) {
      into.replaceChildren(h("p", { class: "verdict bad", role: "alert" }, `Rejected: ${said.reason}`));
      return;
    }
    memory.see(trusted, said.note);
    into.replaceChildren(
      h("p", { class: "verdict good" }, `Verified in this browser: recorded in block ${said.height} and ${said.status} at ${said.size} transactions.`),
      h("p", { class: "quiet" }, older ? "The ledger continues the checkpoint that this browser saw before. " : "",
        `${bundle.length} bytes. `, h("a", { href: `v1/shares/${id}/proof`, download: `${id}.proof` }, "Keep it"),
        " and check it elsewhere: ", h("code", {}, `medshare check-proof ${short(id)}.proof --trust KEY`)),
      drawing(said),
      facts(["sender's key", h("code", {}, said["sender-key"])], ["receivers", said.receivers.join("; ")],
        ["log root", h("code", {}, said["log-root"])], ["state root", h("code", {}, said["state-root"])], ["header", h("code", {}, said.header)]));
  } catch (error) {
    into.replaceChildren(h("p", { class: "verdict bad", role: "alert" }, `Not checked: ${error.message}`));
  }
}

/** The path from the share's leaf up to the root that the node signed, with the siblings that it meets. */
function drawing(said) {
  const step = 58, width = 640, top = 40, middle = width / 2;
  const rows = said.steps.length + 1, height = top + rows * step;
  const at = (row) => height - 30 - row * step;
  const label = (text) => `${text.slice(0, 8)}…`;
  const node = (x, y, kind, text) => svg("g", {}, svg("rect", { x: x - 52, y: y - 13, width: 104, height: 26, rx: 4, class: kind }),
    svg("text", { x, y: y + 4, "text-anchor": "middle" }, text));
  const lines = [], nodes = [node(middle, at(0), "own", `leaf ${said.index}`)];
  said.steps.forEach(({ side, sibling, hash }, row) => {
    const x = side === "left" ? middle - 180 : middle + 180;
    lines.push(svg("path", { class: "edge", d: `M ${x} ${at(row) - 13} L ${middle} ${at(row + 1) + 13}` }),
      svg("path", { class: "way", d: `M ${middle} ${at(row) - 13} L ${middle} ${at(row + 1) + 13}` }));
    nodes.push(node(x, at(row), "sibling", label(sibling)), node(middle, at(row + 1), "own", label(hash)));
  });
  nodes.push(svg("text", { x: middle + 62, y: at(rows - 1) + 4 }, "= the root that the node signed"));
  const title = `Path of ${said.steps.length} hashes from leaf ${said.index} to the root ${said["log-root"]}`;
  return svg("svg", { class: "path", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title }, ...lines, ...nodes);
}

async function member(address) {
  const [found, sent, received, concerned] = await Promise.all([ask(`v1/members/${address}`), ask(`v1/shares?limit=20&sender=${address}`),
    ask(`v1/shares?limit=20&receiver=${address}`), ask(`v1/transactions?limit=20&member=${address}`)]);
  const list = (page) => page.items.length === 0 ? h("p", { class: "quiet" }, "None.") : h("ul", {}, ...page.items.map((share) =>
    h("li", {}, link(`share/${share.share_id}`, short(share.share_id)), ` ${share.status}`)));
  return [
    h("h2", {}, found.name ?? "Member"),
    facts(["fingerprint", h("code", {}, found.address)], ["cert", found.cert && h("code", {}, found.cert)], ["transactions", String(found.sequence)],
      ["revoked", found.revoked !== undefined ? h("span", { class: "bad" }, `at height ${found.revoked}`) : undefined],
      ...found.keys.map((key) => [key.until === undefined ? "key" : "old key", h("span", {}, h("code", {}, key.key), ` from height ${key.from}`)])),
    h("h2", {}, "Sent"), list(sent), h("h2", {}, "Received"), list(received),
    h("h2", {}, "First transactions"), timeline(concerned.items),
  ];
}

async function transaction(id) {
  const found = await ask(`v1/transactions/${id}`);
  return [h("h2", {}, "Transaction ", h("code", {}, id)),
    facts(["cid", h("code", {}, found.cid)], ["index", String(found.index)], ["sequence", String(found.sequence)],
      ["content", found.content && h("code", {}, found.content)]), timeline([found])];
}

// ---- search: the form of what is asked says what it can be

async function find(text) {
  const query = text.trim();
  if (/^[0-9]{1,15}$/.test(query)) return `block/${query}`;
  if (HEX40.test(query)) return `member/${query.toUpperCase()}`;
  if (HEX64.test(query)) {
    const id = query.toLowerCase();
    for (const [path, place] of [[`v1/shares/${id}`, `share/${id}`], [`v1/members/${query.toUpperCase()}`, `member/${query.toUpperCase()}`],
      [`v1/transactions/${id}`, `tx/${id}`]]) {
      try { await ask(path); return place; } catch (error) { if (error.status !== 404) throw error; }
    }
  }
  if (/^(bafy|bafk|Qm)[A-Za-z0-9]{40,}$/.test(query)) {
    for (let cursor = "0"; cursor !== undefined;) {
      const page = await ask(`v1/shares?limit=1&content=${query}&cursor=${cursor}`);
      if (page.items.length > 0) return `share/${page.items[0].share_id}`;
      cursor = page.next;
    }
  }
  throw new Error("The ledger has nothing of this name.");
}

// ---- news: what is recorded while the page is open

/** How long a page is looked at before it holds a connection open for news, in milliseconds. */
const GLANCE = 5000;
let news, glance;

function listen(size, id) {
  quiet();
  glance = setTimeout(() => {
    news = new EventSource(`v1/events?from=${size}${id ? `&share=${id}` : ""}`);
    for (const kind of ["enroll", "rotate-key", "revoke-member", "share", "grant", "revoke", "accept", "reject", "withdraw"]) {
      news.addEventListener(kind, show);
    }
  }, GLANCE);
}

function quiet() {
  clearTimeout(glance);
  news?.close();
}

// ---- places and keys

async function show() {
  const [place, name] = location.hash.replace(/^#\/?/, "").split("/");
  quiet();
  try {
    await ledger();
    const shown = { "": blocks, share, member, block, tx: transaction }[place];
    if (!shown) throw new Error("There is no such place on this page.");
    main.replaceChildren(...await shown(name));
  } catch (error) {
    main.replaceChildren(h("h2", {}, "Not found"), h("p", { class: "bad", role: "alert" }, error.message));
  }
}

document.querySelector("#search").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    location.hash = `/${await find(document.querySelector("#query").value)}`;
    main.focus();
  } catch (error) {
    main.replaceChildren(h("h2", {}, "Not found"), h("p", { class: "bad", role: "alert" }, error.message));
  }
});

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("theme", name);
}
const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const toggle = () => theme(dark() ? "light" : "dark");
document.querySelector("#theme").addEventListener("click", toggle);
if (localStorage.getItem("theme")) theme(localStorage.getItem("theme"));

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") { event.preventDefault(); document.querySelector("#query").focus(); }
  if (event.key === "h") location.hash = "/";
  if (event.key === "t") toggle();
});
addEventListener("hashchange", show);
show();
