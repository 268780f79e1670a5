// What the server says, proven in this browser or refused: the server's word on it counts for nothing.

import { Problem, memory, read, sizeOf } from "./ask.js";
import { h, proven, renew, state, why } from "./show.js";
import { verify, verifyAnswer } from "./verifier.js";

const CBOR = "application/cbor";
const ANOTHER = "this address had another ledger before";

/** The bytes that prove what is at a path, from the checkpoint on that this browser saw last. */
async function evidence(path, older) {
  const headers = { accept: CBOR };
  const size = sizeOf(older);
  let response = await fetch(size ? `${path}?older=${size}` : path, { headers });
  // it has fewer entries than this browser has seen: the verifier says what that is
  if (response.status === 409) response = await fetch(path, { headers });
  // that there is none is proven too
  const kind = response.headers.get("content-type") ?? "";
  if (!response.ok && !kind.startsWith(CBOR)) throw new Problem(await read(response));
  return new Uint8Array(await response.arrayBuffer());
}

/** A paragraph that says that something is being checked. */
export const checking = () => h("p", { class: "verdict quiet", role: "status" }, "Checking the proof in this browser…");

function said(note, kind, text) {
  note.className = `verdict ${kind}`;
  if (kind === "bad") note.setAttribute("role", "alert");
  note.textContent = text;
}

/** Fetches the bundle of a share and believes it or not. */
export async function prove({ trusted, another }, id, verdict, told, into) {
  const refuse = (reason) => {
    told.firstChild.replaceWith(h("p", { class: "bad" }, "What the server says, without a proof: do not rely on it."));
    said(verdict, "bad", reason);
  };
  try {
    if (another) return refuse(`Rejected: ${ANOTHER}.`);
    const older = memory.seen(trusted);
    const path = `v1/shares/${id}/proof`;
    const bundle = await evidence(path, older);
    const found = await verify(bundle, trusted, older);
    if (found.verified && found.share !== id) {
      Object.assign(found, { verified: false, reason: `the proof is about another share, ${found.share}` });
    }
    if (!found.verified) return refuse(`Rejected: ${found.reason}.`);
    memory.see(trusted, found.note);
    // what is proven takes the place of what was said
    renew(told, h("p", { class: "quiet" }, "What is proven:"), proven(found));
    said(verdict, state(found) === "live" ? "good" : "bad",
      `Verified in this browser: recorded in block ${found.height} and ${found.status} at ${found.size} transactions.`);
    into.replaceChildren(
      h("h2", {}, "Proof"),
      h("p", { class: "quiet" }, older ? "The ledger continues the checkpoint that this browser saw before. " : "",
        `${bundle.length} bytes. `, h("a", { href: path, download: `${id}.proof` }, "Keep it"),
        " and check it elsewhere: ", h("code", {}, `medshare check-proof ${id}.proof --trust ${trusted}`)),
      ...why(found));
  } catch (error) {
    refuse(`Not checked: ${error.message}.`);
  }
}

/**
 * Asks for the proven answer at a path. `show` makes of it what is shown in place of what the server said, or says by nothing
 * that it is the answer to another question; `text` is what is verified then.
 */
export async function certify({ trusted, another }, path, note, into, text, show) {
  const refuse = (reason) => said(note, "bad", `${reason}. What follows is the server's word: do not rely on it.`);
  try {
    if (another) return refuse(`Rejected: ${ANOTHER}`);
    const older = memory.seen(trusted);
    const answer = await verifyAnswer(await evidence(path, older), trusted, older);
    if (!answer.verified) return refuse(`Rejected: ${answer.reason}`);
    memory.see(trusted, answer.note);
    const shown = show(answer);
    if (!shown) return refuse("Rejected: the answer is about something else");
    renew(into, ...shown);
    said(note, "good", `Verified in this browser, at ${answer.size} transactions: ${text}`);
  } catch (error) {
    refuse(`Not checked: ${error.message}`);
  }
}
