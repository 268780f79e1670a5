// A proof from a file: checked in this browser, also where the server answers nobody. Nothing of it is sent anywhere.

import { h, link, proven, sentence, state, when, why } from "./show.js";
import { verify } from "./verifier.js";

/** How many bytes the verifier takes: a larger file is not even read. */
const MOST = 1 << 20;

let waiting;

/** A file to check when the place is shown next. */
export function dropped(file) {
  waiting = file;
}

/** The place: a key to trust, a file, and what it proves. */
export function check(trusted) {
  const key = h("input", { id: "trusted", autocomplete: "off", spellcheck: "false", value: trusted ?? "" });
  const file = h("input", { id: "proof-file", type: "file" });
  const said = h("div", { id: "said", role: "status" });
  let chosen = waiting, turn = 0;
  waiting = undefined;
  const run = async () => {
    const mine = ++turn;
    if (!chosen) return;
    said.replaceChildren(h("p", { class: "verdict quiet" }, `Checking ${chosen.name} in this browser…`));
    const found = await outcome(chosen, key.value.trim());
    if (mine === turn) said.replaceChildren(...found);
  };
  key.addEventListener("change", run);
  file.addEventListener("change", () => {
    chosen = file.files[0];
    run();
  });
  run();
  return [
    h("h2", {}, "Check a proof"),
    h("p", { class: "quiet" }, "A file that ", h("code", {}, "medshare prove"), " wrote, or that “Keep it” beside a share gave. ",
      "Choose it here or drop it anywhere on this page; it stays in this browser."),
    h("div", { class: "ask" },
      h("label", { for: "trusted" }, "Key to trust"), key,
      h("label", { for: "proof-file" }, "Proof"), file),
    said,
  ];
}

/** What a file proves under a key, or why it does not. */
async function outcome(file, key) {
  const bad = (text) => [h("p", { class: "verdict bad", role: "alert" }, text)];
  if (key === "") return bad("Not checked: name the key to trust, as the ledger's operator says it.");
  if (file.size > MOST) return bad(`Rejected: the file has ${file.size} bytes, and a proof at most ${MOST}.`);
  try {
    const said = await verify(new Uint8Array(await file.arrayBuffer()), key);
    if (!said.verified) return bad(`Rejected: ${said.reason}.`);
    return [
      h("p", { class: `verdict ${state(said) === "live" ? "good" : "bad"}` },
        `Verified in this browser: recorded in block ${said.height} and ${said.status} at ${said.size} transactions.`),
      h("p", {}, "Share ", link(`share/${said.share}`, said.share)),
      h("p", { class: "quiet" }, "That was so at ", when(Number(said.time)), ". What happened since, no file can tell: open the share to ask."),
      proven(said),
      h("h2", {}, "Proof"),
      ...why(said),
    ];
  } catch (error) {
    return bad(`Not checked: ${sentence(error.message).replace(/\.$/, "")}.`);
  }
}
