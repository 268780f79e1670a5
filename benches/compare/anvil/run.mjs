// Records shares in the contract on anvil over JSON-RPC, as a program beside a node does: gas, and transactions a second.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

const [installed, source] = process.argv.slice(2);
const require = createRequire(`${installed}/package.json`);
const solc = require("solc");
const input = {
  language: "Solidity",
  sources: { "Share.sol": { content: readFileSync(source, "utf8") } },
  settings: {
    optimizer: { enabled: true, runs: 200 },
    outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.methodIdentifiers"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
for (const problem of output.errors ?? []) {
  if (problem.severity === "error") throw new Error(problem.formattedMessage);
}
const { bytecode, methodIdentifiers } = output.contracts["Share.sol"].Share.evm;

const port = 18545 + Math.floor(Math.random() * 1000);
const anvil = spawn(`${installed}/node_modules/.bin/anvil`, ["--port", String(port), "--silent"], { stdio: "inherit" });
process.on("exit", () => anvil.kill());

let calls = 0;
async function rpc(method, ...params) {
  const response = await fetch(`http://127.0.0.1:${port}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: ++calls, method, params }),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function receipt(hash) {
  for (;;) {
    const found = await rpc("eth_getTransactionReceipt", hash);
    if (found) return found;
    await new Promise((done) => setTimeout(done, 1));
  }
}

for (let tries = 0; ; tries++) {
  try {
    await rpc("eth_chainId");
    break;
  } catch (error) {
    if (tries === 200) throw error;
    await new Promise((done) => setTimeout(done, 50));
  }
}
const accounts = await rpc("eth_accounts");
const deployed = await receipt(await rpc("eth_sendTransaction", { from: accounts[0], data: `0x${bytecode.object}` }));
const contract = deployed.contractAddress;
const word = (hex) => hex.replace(/^0x/, "").padStart(64, "0");
const random = () => randomBytes(32).toString("hex");

/** One share for one receiver; the gas that it took. */
async function share(number) {
  const from = accounts[number % accounts.length];
  const receiver = accounts[(number + 1) % accounts.length];
  const parts = [random(), random(), random(), word("80"), word("1"), word(receiver)];
  const data = `0x${methodIdentifiers["share(bytes32,bytes32,bytes32,address[])"]}${parts.join("")}`;
  const done = await receipt(await rpc("eth_sendTransaction", { from, to: contract, data }));
  if (done.status !== "0x1") throw new Error("a share was reverted");
  return Number(done.gasUsed);
}

const seconds = 5;
async function measure(clients) {
  const end = Date.now() + seconds * 1000;
  const gas = [];
  let number = 0;
  const client = async () => {
    while (Date.now() < end) gas.push(await share(number++));
  };
  const start = Date.now();
  await Promise.all(Array.from({ length: clients }, client));
  return { rate: gas.length / ((Date.now() - start) / 1000), gas: gas.sort((a, b) => a - b)[gas.length >> 1] };
}
for (const clients of [1, 10]) {
  const { rate, gas } = await measure(clients);
  console.log(`anvil/share/${clients} clients`.padEnd(26), `${rate.toFixed(0).padStart(6)}/s, ${gas} gas a share; in memory, nothing is synced`);
}
process.exit(0);
