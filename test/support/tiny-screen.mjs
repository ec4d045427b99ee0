// A screen for tests: says what it gets, and does what single letters ask for.
import { parentPort, workerData } from "node:worker_threads";

const port = parentPort;
const say = (text) => port.postMessage({ type: "output", data: Buffer.from(text) });
const { columns, rows, term, colour, who } = workerData;
let sent = 0;
const environment = Object.keys(process.env).sort().join(" ");

const actions = {
  // A call, and a subscription.
  o: () => port.postMessage({ type: "control", line: { id: 1, call: "overview", params: {} } }),
  s: () => port.postMessage({ type: "control", line: { id: 2, subscribe: "log", params: {} } }),
  u: () => port.postMessage({ type: "control", line: { id: 2, unsubscribe: true } }),
  v: () =>
    port.postMessage({ type: "control", line: { id: 2, subscribe: "overview", params: {} } }),
  a() {
    const params = { name: "eve" };
    port.postMessage({ type: "control", line: { id: 3, call: "users.add", params } });
  },
  // The last event was seen.
  n: () => port.postMessage({ type: "seen", id: 2 }),
  c: () => port.postMessage({ type: "shell", user: "ann" }),
  C: () => port.postMessage({ type: "shell", user: "nobody" }),
  q: () => {
    say("\x1b[?25h\x1b[?1049l");
    port.postMessage({ type: "closed" });
  },
  x: () => {
    throw new Error("told to fail in /a/secret/place");
  },
  X: () => process.exit(0),
  // More than may be under way, whatever was agreed.
  f: () => {
    for (let i = 0; i < 64; i++) port.postMessage({ type: "output", data: Buffer.alloc(4096, 46) });
  },
  t: () => say(`<${sent} sent>`),
  l: () => {
    for (;;);
  },
  e: () => console.error("disturbed"),
};

port.on("message", (message) => {
  if (message.type === "sent") sent += message.bytes;
  else if (message.type !== "input") {
    say(`<${JSON.stringify(message)}>`);
  } else {
    for (const key of Buffer.from(message.data).toString()) (actions[key] ?? say)(`<key ${key}>`);
    port.postMessage({ type: "taken" });
  }
});

say(`\x1b[?1049h\x1b[?25l<${columns}x${rows} ${term} ${colour} ${who} [${environment}]>`);
