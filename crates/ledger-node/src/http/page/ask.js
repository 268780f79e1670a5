// Questions to the server, and what this browser remembers of its answers.

export class Problem extends Error {
  constructor(problem) { super(problem.detail); this.code = problem.code; this.status = problem.status; }
}
export class Nothing extends Error { status = 404; }

export async function ask(path) {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  const body = await read(response);
  if (!response.ok) throw new Problem(body);
  return body;
}

/** The JSON of an answer. What stands in between (a proxy, a portal) answers in its own way. */
export async function read(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const kind = response.headers.get("content-type") ?? "of no kind";
    throw new Problem({ status: response.status, code: "strange",
      detail: `what came is not the ledger's answer, but something else (status ${response.status}, ${kind})` });
  }
}

/** What the browser did not take (blocked, full), for as long as the page is open. */
const unkept = new Map();

export function recall(name) {
  try {
    return unkept.get(name) ?? localStorage.getItem(name) ?? undefined;
  } catch {
    forgets();
    return undefined;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
    unkept.delete(name);
  } catch {
    unkept.set(name, value);
    forgets();
  }
}

function forgets() {
  document.querySelector("#forgets").textContent = "This browser lets the page keep nothing (its storage is blocked or full): " +
    "the next time it will not notice that the server went back or that its key changed.";
}

export const sizeOf = (note) => Number(note?.split("\n")[1] ?? 0);

/** Whom this browser trusts here and what it has seen of that ledger: the first key it met, until its reader says otherwise. */
export const memory = {
  // by address, not by chain: the server names the chain, and a new one would be trusted at once. The key names its chain.
  key: () => recall("key"),
  trust: (key) => keep("key", key),
  seen: (key) => recall(`checkpoint ${key}`),
  // an answer may be late, or for another window: never back
  see: (key, note) => { if (sizeOf(note) > sizeOf(memory.seen(key))) keep(`checkpoint ${key}`, note); },
};
