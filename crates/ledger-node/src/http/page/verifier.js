// Runs the verifier of ledger-core, compiled to WebAssembly, in this browser: the same code that `medshare check-proof` is.
//
// The program reads a bundle or an answer from its standard input and says one fact per line on its standard output. What follows is
// the little of WASI (preview 1) that it asks for; it gets no file, no network, no clock and no randomness.

const OK = 0, BAD_DESCRIPTOR = 8;
let compiled;

class Exit extends Error {
  constructor(code) { super(`exit ${code}`); this.code = code; }
}

/** Checks the bundle of a share; `older` is the note of a checkpoint seen before, or nothing. Rejects only when it cannot run. */
export async function verify(bundle, key, older) {
  const { text, verified } = await run("proof", bundle, key, older);
  return { ...facts(text), verified };
}

/** Checks an answer, in the same way: what it proves of members, shares, blocks and transactions, by their names. */
export async function verifyAnswer(answer, key, older) {
  const { text, verified } = await run("answer", answer, key, older);
  return { ...things(text), verified };
}

async function run(kind, bytes, key, older) {
  compiled ??= WebAssembly.compileStreaming(fetch("verifier.wasm")).catch((error) => {
    compiled = undefined; // the next time it may come
    throw error;
  });
  const args = ["ledger-verify", kind, key, ...(older ? [older] : [])].map((arg) => new TextEncoder().encode(arg + "\0"));
  const output = { 1: [], 2: [] };
  let read = 0, memory;
  const view = () => new DataView(memory.buffer);
  const slices = function* (at, count) {
    for (let i = 0; i < count; i++) {
      yield new Uint8Array(memory.buffer, view().getUint32(at + 8 * i, true), view().getUint32(at + 8 * i + 4, true));
    }
  };
  const wasi = {
    args_sizes_get(count, size) {
      view().setUint32(count, args.length, true);
      view().setUint32(size, args.reduce((sum, arg) => sum + arg.length, 0), true);
      return OK;
    },
    args_get(pointers, at) {
      args.forEach((arg, i) => {
        view().setUint32(pointers + 4 * i, at, true);
        new Uint8Array(memory.buffer).set(arg, at);
        at += arg.length;
      });
      return OK;
    },
    environ_sizes_get(count, size) {
      view().setUint32(count, 0, true);
      view().setUint32(size, 0, true);
      return OK;
    },
    environ_get: () => OK,
    fd_read(fd, at, count, done) {
      if (fd !== 0) return BAD_DESCRIPTOR;
      const before = read;
      for (const into of slices(at, count)) {
        const part = bytes.subarray(read, read + into.length);
        into.set(part);
        read += part.length;
      }
      view().setUint32(done, read - before, true);
      return OK;
    },
    fd_write(fd, at, count, done) {
      if (!output[fd]) return BAD_DESCRIPTOR;
      let written = 0;
      for (const from of slices(at, count)) {
        output[fd].push(from.slice());
        written += from.length;
      }
      view().setUint32(done, written, true);
      return OK;
    },
    proc_exit(code) { throw new Exit(code); },
  };
  const instance = await WebAssembly.instantiate(await compiled, { wasi_snapshot_preview1: wasi });
  memory = instance.exports.memory;
  let code = 0;
  try {
    instance.exports._start();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    code = error.code;
  }
  const text = (parts) => {
    const decoder = new TextDecoder();
    return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
  };
  if (code !== 0 && code !== 3) throw new Error(text(output[2]).trim());
  return { text: text(output[1]), verified: code === 0 };
}

/** Names and values of lines, and the note behind them. */
function parse(text) {
  const [lines, note] = text.split("\nnote\n");
  const pairs = lines.trimEnd().split("\n").map((line) => {
    const [name, ...rest] = line.split(" ");
    return [name, rest.join(" ")];
  });
  return { pairs, note };
}

/** The facts by name; those that may come several times as lists. */
function facts(text) {
  const { pairs, note } = parse(text);
  const found = { receivers: [], steps: [] };
  for (const [name, value] of pairs) {
    if (name === "receiver") found.receivers.push(value);
    else if (name === "step") {
      const [side, sibling, hash] = value.split(" ");
      found.steps.push({ side, sibling, hash });
    } else found[name] = value;
  }
  return { ...found, note };
}

const NUMBERS = new Set(["index", "height", "time", "sequence", "revoked", "first", "log_size", "size", "head"]);
const TEXTS = new Set(["name", "text"]);

/** What an answer is about, as the API names it: each thing begins with a line of its kind and its name. */
function things(text) {
  const { pairs, note } = parse(text);
  const found = { members: new Map(), shares: new Map(), blocks: new Map(), transactions: new Map(), noMembers: new Set(), noShares: new Set(), note };
  let about = found;
  for (const [name, value] of pairs) {
    if (name === "member-state") found.members.set(value, about = { address: value, keys: [] });
    else if (name === "share-state") found.shares.set(value, about = { events: [] });
    else if (name === "block") found.blocks.set(Number(value), about = { height: Number(value) });
    else if (name === "transaction") found.transactions.set(Number(value), about = { index: Number(value), receivers: [] });
    else if (name === "no-member") found.noMembers.add(value);
    else if (name === "no-share") found.noShares.add(value);
    else if (name === "key") {
      const [key, from, until] = value.split(" ");
      about.keys.push({ key, from: Number(from), until: until && Number(until) });
    } else if (name === "event") about.events.push(Number(value));
    else if (name === "receiver") about.receivers.push(value);
    else about[name] = NUMBERS.has(name) ? Number(value) : TEXTS.has(name) ? decoded(value) : value;
  }
  return found;
}

/** What people wrote comes in hexadecimal: it may hold any character. */
const decoded = (hex) => new TextDecoder().decode(Uint8Array.from(hex.match(/../g) ?? [], (two) => parseInt(two, 16)));
