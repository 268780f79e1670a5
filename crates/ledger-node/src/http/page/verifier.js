// Runs the verifier of ledger-core, compiled to WebAssembly, in this browser: the same code that `medshare check-proof` is.
//
// The program reads the bundle from its standard input and says one fact per line on its standard output. What follows is
// the little of WASI (preview 1) that it asks for; it gets no file, no network, no clock and no randomness.

const OK = 0, BAD_DESCRIPTOR = 8;
let compiled;

class Exit extends Error {
  constructor(code) { super(`exit ${code}`); this.code = code; }
}

/** Checks a bundle; `older` is the note of a checkpoint seen before, or nothing. Rejects only when it cannot run. */
export async function verify(bundle, key, older) {
  compiled ??= WebAssembly.compileStreaming(fetch("verifier.wasm")).catch((error) => {
    compiled = undefined; // the next time it may come
    throw error;
  });
  const args = ["ledger-verify", key, ...(older ? [older] : [])].map((arg) => new TextEncoder().encode(arg + "\0"));
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
        const part = bundle.subarray(read, read + into.length);
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
  const text = (parts) => new TextDecoder().decode(Uint8Array.from(parts.flatMap((part) => [...part])));
  if (code !== 0 && code !== 3) throw new Error(text(output[2]).trim());
  return facts(text(output[1]), code === 0);
}

/** The facts by name; those that may come several times as lists. */
function facts(text, verified) {
  const [lines, note] = text.split("\nnote\n");
  const found = { receivers: [], steps: [] };
  for (const line of lines.trimEnd().split("\n")) {
    const [name, ...rest] = line.split(" ");
    const value = rest.join(" ");
    if (name === "receiver") found.receivers.push(value);
    else if (name === "step") found.steps.push({ side: rest[0], sibling: rest[1], hash: rest[2] });
    else found[name] = value;
  }
  return { ...found, note, verified };
}
