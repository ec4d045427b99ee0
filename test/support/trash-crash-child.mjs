// Does one thing to a home with a trash, and is killed after the Nth change of the disk: what comes before one is what came after the last.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [root, holds, at, ...steps] = process.argv.slice(2);
let left = Number.POSITIVE_INFINITY;

for (const name of ["symlinkSync", "linkSync", "renameSync", "unlinkSync", "mkdirSync"]) {
  const real = fs[name];
  fs[name] = (...args) => {
    left -= 1;
    const result = real(...args);
    if (left === 0) process.kill(process.pid, "SIGKILL");
    return result;
  };
}
syncBuiltinESMExports();

const from = (path) => import(`../../dist/src/${path}`);
const { openStore } = await from("store/store.js");
const { Ledger } = await from("quota/ledger.js");
const { Evidence } = await from("vfs/evidence.js");
const { openHome } = await from("vfs/home.js");

const store = await openStore(root, "server", "test");
const ledger = new Ledger(store, new Evidence(store.ledger), { holds: holds === "holds" });
const account = await store.users.byName("ann");
const home = await openHome({ root, account, books: ledger, keep: () => 86_400_000 });

const flags = { read: false, append: false, exclusive: false, write: true, create: true };
async function put(path, text) {
  const file = await home.open(path, { ...flags, truncate: true });
  await file.write([Buffer.from(text)], text.length, 0);
  await file.close();
}

/** All before the last step is done; that one is killed. */
for (const [index, step] of steps.entries()) {
  if (index === steps.length - 1) left = Number(at);
  const [kind, one, other] = step.split(" ");
  if (kind === "put") await put(one, other);
  if (kind === "remove") await home.remove(one);
  if (kind === "rename") await home.rename(one, other, true);
  if (kind === "restore") {
    const ids = [];
    for await (const { id } of home.trash.list()) ids.push(id);
    await home.trash.restore(ids[0], { replace: true });
  }
  if (kind === "hold") globalThis.held = await home.open(one, { ...flags, create: false });
}
process.kill(process.pid, left > 0 && left < Number.POSITIVE_INFINITY ? "SIGTERM" : "SIGKILL");
