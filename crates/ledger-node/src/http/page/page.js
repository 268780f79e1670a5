// The page: asks the API, shows what it says, and checks the proof of a share itself.
//
// What it shows is made by show.js: text stays text.

import { Nothing, ask, keep, memory, recall, sizeOf } from "./ask.js";
import { check, dropped } from "./check.js";
import { certify, checking, prove } from "./prove.js";
import { facts, h, link, received, renew, sentence, short, standing, when } from "./show.js";

const main = document.querySelector("#main");
const HEX64 = /^[0-9a-f]{64}$/i, HEX40 = /^[0-9a-f]{40}$/i;

let genesis;
async function ledger() {
  if (genesis) return genesis;
  const found = await ask("v1/genesis");
  const known = memory.key();
  if (!known) memory.trust(found.log_key);
  const trusted = known ?? found.log_key;
  genesis = { trusted, another: trusted !== found.log_key };
  document.querySelector("#ledger").textContent = `ledger of ${found.name}`;
  document.querySelector("#trust").replaceChildren(
    "This browser checks proofs with the key ", h("code", {}, trusted),
    known ? ", which it has known before." : ", which the server named just now: compare it with what its operator says in person.");
  document.querySelector("#another").replaceChildren(...(genesis.another ? warning(trusted, found.log_key) : []));
  return genesis;
}

/** Another ledger than before: nothing of it is believed until the reader says so. */
function warning(trusted, named) {
  const accept = h("button", { id: "accept", type: "button" }, "Trust the new key");
  accept.addEventListener("click", () => {
    memory.trust(named);
    genesis = undefined;
    main.focus();
    show();
  });
  return [h("p", { class: "verdict bad" }, "This address had another ledger before. Nothing below is verified."),
    facts(["known key", h("code", {}, trusted)], ["named now", h("code", {}, named)]),
    h("p", {}, "Compare the new key with what the operator says in person. ", accept)];
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
  const { trusted } = await ledger();
  const known = sizeOf(memory.seen(trusted));
  return withNews([checkpoint.size], [
    h("h2", {}, "Latest blocks"),
    checkpoint.size < known ? h("p", { class: "verdict bad", role: "alert" },
      `The server went back: it says that there are ${checkpoint.size} transactions, and this browser has seen the proof of ${known}.`) : undefined,
    h("p", { class: "quiet" }, `${checkpoint.size} transactions in ${checkpoint.height + 1} blocks. `,
      "As the server lists them: a block is checked when you open it."),
    h("table", { id: "blocks" },
      h("thead", {}, h("tr", {}, h("th", { class: "number" }, "height"), h("th", {}, "time"),
        h("th", { class: "number" }, "transactions"), h("th", { class: "wide" }, "log root"), h("th", { class: "wide" }, "state root"))),
      h("tbody", {}, ...rows)),
  ]);
}

/** Content that is shown again when something is recorded: `listen` is told what, once it is shown. */
const withNews = (news, content) => Object.assign(content, { news });

async function block(height) {
  const path = `v1/blocks/${height}`, found = await ask(path);
  const note = checking(), said = h("div", {}, ...ofBlock(found));
  certify(await ledger(), path, note, said, "the node signed this header, and these are all transactions of its block.", (answer) => {
    const block = answer.blocks.get(Number(height));
    // as many as there are in it, before a list as long is made
    if (!block || answer.transactions.size !== block.log_size - block.first) return undefined;
    const transactions = [...answer.transactions.values()];
    return transactions.every((tx) => tx.height === block.height) && ofBlock({ ...block, transactions });
  });
  return [h("h2", {}, `Block ${height}`), note, said];
}

function ofBlock(found) {
  return [
    facts(["time", when(found.time)], ["header", h("code", {}, found.cid)], ["previous", h("code", {}, found.previous)],
      ["log size", String(found.log_size)], ["log root", h("code", {}, found.log_root)], ["state root", h("code", {}, found.state_root)]),
    h("h2", {}, "Transactions"),
    timeline(found.transactions),
  ];
}

function timeline(transactions) {
  if (transactions.length === 0) return h("p", { class: "quiet" }, "None.");
  return h("ol", { class: "timeline" }, ...transactions.map(happened));
}

function happened(tx) {
  return h("li", { class: tx.kind },
    h("b", {}, tx.kind), " by ", link(`member/${tx.sender}`, short(tx.sender)), " ",
    h("span", { class: "quiet" }, when(tx.time), ", block ", link(`block/${tx.height}`, String(tx.height))),
    tx.share_id ? h("div", {}, "share ", link(`share/${tx.share_id}`, short(tx.share_id))) : undefined,
    tx.member ? h("div", {}, "member ", link(`member/${tx.member}`, short(tx.member))) : undefined,
    tx.receivers?.length ? h("div", {}, "for ", ...tx.receivers.flatMap((to) => [link(`member/${to}`, short(to)), " "])) : undefined,
    tx.text ? h("div", {}, "“", tx.text, "”") : undefined,
    h("div", { class: "quiet" }, link(`tx/${tx.id}`, short(tx.id))));
}

/** Says that there is none, and proves it: a server could conceal what it has. */
async function none(error, path, text, absent) {
  if (error.status !== 404) throw error;
  const note = checking();
  const said = h("div", {}, h("p", {}, `${sentence(error.message)}.`));
  certify(await ledger(), path, note, said, text, (answer) => absent(answer) && []);
  return [h("h2", {}, "Not found"), note, said];
}

async function share(name) {
  const id = name.toLowerCase();
  const path = `v1/shares/${id}/events`;
  let found, events;
  try {
    [found, events] = await Promise.all([ask(`v1/shares/${id}`), ask(path)]);
  } catch (error) {
    return none(error, `v1/shares/${id}`, "no such share is recorded.", (answer) => answer.noShares.has(id));
  }
  const last = found.events.at(-1);
  const verdict = Object.assign(checking(), { id: "verdict" }), note = checking(), life = h("div", {}, timeline(events.items));
  const proof = h("div", { id: "proof" });
  const told = h("div", { id: "facts" }, h("p", { class: "quiet" }, "What the server says, not checked yet:"),
    facts(
      ["status", found.status],
      ["sender", link(`member/${found.sender}`, found.sender)],
      ["content", link(`content/${found.content}`, found.content)],
      ["commitment", h("code", {}, found.commitment)],
      ["receivers", received(found.receivers.map((receiver) => [receiver.address,
        `${receiver.revoked !== undefined ? "revoked" : "granted"}${receiver.accepted !== undefined ? " accepted" : ""}`]))]));
  const whom = await ledger();
  // one behind the other: the second continues what the first has seen
  prove(whom, id, verdict, told, proof).then(() =>
    certify(whom, path, note, life, "this is all that happened to it.", (answer) => {
      const events = answer.shares.get(id)?.events.map((index) => answer.transactions.get(index));
      return events?.every((event) => event?.share_id === id) && [timeline(events)];
    }));
  return withNews([last + 1, id], [h("h2", {}, "Share ", h("code", {}, id)), verdict, told, h("h2", {}, "What happened"), note, life, proof]);
}

async function member(name) {
  const address = name.toUpperCase();
  const line = (share) => h("li", {}, link(`share/${share.share_id}`, short(share.share_id)), " ", standing(share.status));
  const shares = (who) => listed(h("ul"), `v1/shares?first=newest&${who}=${address}`, line);
  const path = `v1/members/${address}`;
  let found;
  try {
    found = await ask(path);
  } catch (error) {
    return none(error, path, "nobody of this fingerprint was ever enrolled.", (answer) => answer.noMembers.has(address));
  }
  const [sent, received, concerned] = await Promise.all([shares("sender"), shares("receiver"),
    listed(h("ol", { class: "timeline" }), `v1/transactions?first=newest&member=${address}`, happened)]);
  const note = checking(), said = h("div", {}, ofMember(found));
  certify(await ledger(), path, note, said, "who it is and which keys are its own.", (answer) => {
    const member = answer.members.get(address);
    return member && [ofMember(member)];
  });
  return [h("h2", {}, "Member ", h("code", {}, address)), note, said,
    h("p", { class: "quiet" }, "The lists below are the server's: what is on one is checked when you open it."),
    h("h2", {}, "Sent"), sent, h("h2", {}, "Received"), received, h("h2", {}, "Transactions"), concerned,
  ];
}

function ofMember(found) {
  return facts(["name", found.name], ["fingerprint", h("code", {}, found.address)], ["cert", found.cert && h("code", {}, found.cert)], ["transactions", String(found.sequence)],
    ["revoked", found.revoked !== undefined ? h("span", { class: "bad" }, `at height ${found.revoked}`) : undefined],
    ...found.keys.map((key) => [key.until === undefined ? "key" : "old key", h("span", {}, h("code", {}, key.key), ` from height ${key.from}`)]));
}

/** Every share, the newest first. */
async function shares() {
  const line = (share) => h("li", {}, link(`share/${share.share_id}`, short(share.share_id)), " ", standing(share.status),
    " by ", link(`member/${share.sender}`, short(share.sender)));
  return [h("h2", {}, "Shares"), h("p", { class: "quiet" }, "The newest first. What the server lists is checked when you open it."),
    await listed(h("ul"), "v1/shares?first=newest", line)];
}

/** Everybody who was ever enrolled. */
async function members() {
  const line = (member) => h("li", {}, link(`member/${member.address}`, member.address), ` ${member.name ?? ""}`,
    member.revoked !== undefined ? h("span", { class: "bad" }, " revoked") : undefined);
  return [h("h2", {}, "Members"), h("p", { class: "quiet" }, "In the order of their fingerprints, as the server tells it."),
    await listed(h("ul"), "v1/members", line)];
}

/** Twenty of a list or a few more, and where to go on: a page of it may be empty before the last one. */
async function some(path, cursor) {
  const items = [];
  // a long list that has nothing of it is left to the reader's patience
  for (let asked = 0; asked < 8 && items.length < 20 && cursor !== undefined; asked++) {
    const page = await ask(`${path}${path.includes("?") ? "&" : "?"}limit=20${cursor && `&cursor=${cursor}`}`);
    items.push(...page.items);
    cursor = page.next;
  }
  return { items, next: cursor };
}

/** A list that begins with its first lines and has a button for more, if there may be more. */
async function listed(list, path, line) {
  const none = h("p", { class: "quiet", tabindex: "-1" });
  const more = h("button", { type: "button" }, "More");
  let cursor = "";
  const go = async () => {
    const { items, next } = await some(path, cursor);
    const lines = items.map(line);
    list.append(...lines);
    cursor = next;
    more.hidden = cursor === undefined;
    list.hidden = list.children.length === 0;
    none.textContent = !list.hidden ? "" : more.hidden ? "None." : "None so far.";
    return lines[0]?.querySelector("a") ?? (more.hidden ? none : more);
  };
  more.addEventListener("click", async () => {
    more.disabled = true; // one press, one answer
    const next = await go().catch((error) => {
      none.textContent = sentence(error.message);
      return more;
    });
    more.disabled = false;
    next.focus();
  });
  await go();
  return h("div", {}, list, none, more);
}

async function transaction(name) {
  const id = name.toLowerCase();
  const path = `v1/transactions/${id}`, found = await ask(path);
  const note = checking(), said = h("div", {}, ...ofTransaction(found));
  certify(await ledger(), path, note, said, "it is recorded.", (answer) => {
    const tx = [...answer.transactions.values()].find((tx) => tx.id === id);
    return tx?.height !== undefined && ofTransaction(tx);
  });
  return [h("h2", {}, "Transaction ", h("code", {}, id)), note, said];
}

function ofTransaction(found) {
  return [
    facts(["cid", h("code", {}, found.cid)], ["index", String(found.index)], ["sequence", String(found.sequence)],
      ["content", found.content && h("code", {}, found.content)]),
    timeline([found]),
  ];
}

/** What a CID names: the shares of one content (the one that there is, at once), a transaction, or the header of a block. */
async function content(cid) {
  const shares = await sharesOf(cid);
  if (shares.length === 0) return named(cid);
  if (shares.length === 1) return `#/share/${shares[0].share_id}`;
  return [
    h("h2", {}, "Content ", h("code", {}, cid)),
    h("p", { class: "quiet" }, `${shares.length}${shares.length < 100 ? "" : " or more"} shares have it.`),
    h("ul", {}, ...shares.map((share) => h("li", {}, link(`share/${share.share_id}`, short(share.share_id)), " ",
      standing(share.status), " by ", link(`member/${share.sender}`, short(share.sender))))),
  ];
}

/** How many of the newest blocks are looked through for a header. */
const NEWEST = 2000;

/** The place of the transaction or header of this CID. */
async function named(cid) {
  const id = digest(cid);
  if (id) {
    try {
      await ask(`v1/transactions/${id}`);
      return `#/tx/${id}`;
    } catch (error) { if (error.status !== 404) throw error; }
    for (let cursor = "", asked = 0; cursor !== undefined && asked < NEWEST; asked += 100) {
      const page = await ask(`v1/blocks?limit=100${cursor && `&cursor=${cursor}`}`);
      const block = page.items.find((block) => block.cid === cid);
      if (block) return `#/block/${block.height}`;
      cursor = page.next;
    }
  }
  throw new Nothing("The ledger has no share of this content, no transaction of this CID, " +
    `and none of its newest ${NEWEST} blocks has this header.`);
}

/** The SHA-256, in hexadecimal, that a CID of a block of the ledger is about (version 1, DAG-CBOR, in base32). */
function digest(cid) {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  let bits = 0, held = 0, hex = "";
  for (const letter of cid.slice(1)) {
    held = held << 5 | letters.indexOf(letter);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      hex += (held >> bits & 255).toString(16).padStart(2, "0");
      held &= (1 << bits) - 1;
    }
  }
  return cid.startsWith("b") && hex.length === 72 && hex.startsWith("01711220") ? hex.slice(8) : undefined;
}

/** The first shares of a content: a page of the list may be empty before the last one. */
async function sharesOf(cid) {
  const found = [];
  for (let cursor = "0"; cursor !== undefined && found.length < 100;) {
    const page = await ask(`v1/shares?limit=100&content=${cid}&cursor=${cursor}`);
    found.push(...page.items);
    cursor = page.next;
  }
  return found;
}

// ---- search: the form of what is asked says what it can be

async function find(text) {
  const query = text.trim(), capitals = query.toUpperCase();
  // what may also be the beginning of a share's id
  let place;
  if (/^[0-9]{1,15}$/.test(query)) place = `block/${query}`;
  if (HEX40.test(query)) place = `member/${capitals}`;
  if (place && (query.length < 4 || await there(`v1/${place.replace("/", "s/")}`))) return place;
  if (HEX64.test(query)) {
    const id = query.toLowerCase();
    for (const [path, place] of [[`v1/shares/${id}`, `share/${id}`], [`v1/members/${capitals}`, `member/${capitals}`],
      [`v1/transactions/${id}`, `tx/${id}`]]) {
      if (await there(path)) return place;
    }
  }
  if (/^[0-9a-f]{4,63}$/i.test(query)) {
    const share = await beginning(query.toLowerCase());
    if (share) return `share/${share}`;
  }
  if (place) return place;
  // CIDs of version 1 in lower case, and of version 0
  if (/^(b[a-z2-7]{50,120}|Qm[1-9A-HJ-NP-Za-km-z]{44})$/.test(query)) return `content/${query}`;
  // what could be a share's: that there is none is proven where it would be shown
  if (HEX64.test(query)) return `share/${query.toLowerCase()}`;
  throw new Nothing("The server says that the ledger has nothing of this name.");
}

/** Whether the ledger has it. */
async function there(path) {
  try {
    await ask(path);
    return true;
  } catch (error) {
    if (error.status !== 404) throw error;
    return false;
  }
}

/** The one share id that begins so, if there is one: a page of the list may be empty before the last one. */
async function beginning(digits) {
  const found = new Set();
  for (let cursor = "0"; cursor !== undefined && found.size < 2;) {
    const page = await ask(`v1/shares?limit=2&begins=${digits}&cursor=${cursor}`);
    page.items.map((share) => share.share_id).filter((id) => id.startsWith(digits)).forEach((id) => found.add(id));
    cursor = page.next;
  }
  if (found.size > 1) throw new Nothing("More than one share has an id that begins so: give more of it.");
  return [...found][0];
}

// ---- news: what is recorded while the page is open

/** How long a page is looked at before it holds a connection open for news, in milliseconds. */
const GLANCE = 5000;
/** How long it waits where the server had no place for it. */
const AGAIN = 10000;
let news, glance;

function listen(size, id) {
  quiet();
  glance = setTimeout(() => {
    news = new EventSource(`v1/events?from=${size}${id ? `&share=${id}` : ""}`);
    for (const kind of ["enroll", "rotate-key", "revoke-member", "share", "grant", "revoke", "accept", "reject", "withdraw"]) {
      news.addEventListener(kind, show);
    }
    const note = h("p", { id: "missed", class: "quiet", role: "status" });
    news.addEventListener("open", () => document.querySelector("#missed")?.remove());
    news.addEventListener("error", () => {
      // a connection that breaks is the browser's to mend; an answer that is no stream ends it
      if (news.readyState !== EventSource.CLOSED) return;
      if (!document.querySelector("#missed")) main.append(note);
      document.querySelector("#missed").textContent = "What is recorded now is not shown: the server has no place for this page to listen. It asks again.";
      glance = setTimeout(() => listen(size, id), AGAIN);
    });
  }, GLANCE);
}

function quiet() {
  clearTimeout(glance);
  news?.close();
}

// ---- places and keys

let turn = 0;

/** Shows the place that the address names; the last one that was asked for, if they come out of turn. */
async function show() {
  const mine = ++turn;
  const [place, name] = location.hash.replace(/^#\/?/, "").split("/");
  quiet();
  let content;
  try {
    // a file can be checked where nobody answers
    await ledger().catch((error) => { if (place !== "check") throw error; });
    const shown = Object.hasOwn(PLACES, place) ? PLACES[place] : undefined;
    if (!shown) throw new Nothing("There is no such place on this page.");
    content = await shown(name);
  } catch (error) {
    content = failed(error);
  }
  if (mine !== turn) return;
  if (typeof content === "string") {
    location.replace(content);
    return;
  }
  // news do not take a link from under the finger: the same link is in the new content
  renew(main, ...content.filter((part) => part !== undefined));
  // only now: a place that comes late would end the news of this one
  if (content.news) listen(...content.news);
  document.title = `${main.querySelector("h2").textContent} · medshare ledger`;
  for (const a of document.querySelectorAll("nav a")) {
    if (a.getAttribute("href") === `#/${place}`) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
}

const PLACES = { "": blocks, shares, share, members, member, block, content, tx: transaction, check: () => check(genesis?.trusted ?? memory.key()) };

function failed(error) {
  // a browser has no member's key, and should not have one
  const elsewhere = error.code === "unsigned" ? h("p", {}, "This node answers its members only, who ask it with ", h("code", {}, "medshare"),
    ". A proof that one of them gave you can be checked here: ", link("check", "check a proof"), ".") : undefined;
  return [h("h2", {}, error.status === 404 ? "Not found" : "Not shown"), h("p", { class: "bad", role: "alert" }, sentence(error.message)),
    elsewhere].filter((part) => part !== undefined);
}

/** Goes to a place, as a link does; also when it is the one of now. */
function go(place) {
  if (location.hash === `#/${place}`) show();
  else location.hash = `/${place}`;
  main.focus();
}

document.querySelector("#search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const mine = ++turn;
  quiet();
  try {
    const place = await find(document.querySelector("#query").value);
    if (mine === turn) go(place);
  } catch (error) {
    if (mine !== turn) return;
    main.replaceChildren(...failed(error));
    document.title = "Not found · medshare ledger";
  }
});
// an address of its own would be a place of the page
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

function theme(name) {
  document.documentElement.dataset.theme = name;
  keep("theme", name);
}
const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const toggle = () => theme(dark() ? "light" : "dark");
document.querySelector("#theme").addEventListener("click", toggle);
if (recall("theme")) document.documentElement.dataset.theme = recall("theme");

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") { event.preventDefault(); document.querySelector("#query").focus(); }
  if (event.key === "h") go("");
  if (event.key === "c") go("check");
  if (event.key === "t") toggle();
});
// a proof may be dropped wherever the page is
const files = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => { if (files(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!files(event)) return;
  event.preventDefault();
  if (event.dataTransfer.files.length === 0) return; // a folder
  dropped(event.dataTransfer.files[0]);
  go("check");
});
addEventListener("hashchange", () => {
  // the link that was followed goes: whoever has no mouse goes on from the beginning of what is new
  if (main.contains(document.activeElement)) main.focus();
  show();
});
show();
