// A process that works in a home until it is killed: argv root, user, seed, "held" or "shared". Runs the
// built code.
import { Ledger } from "../../dist/src/quota/ledger.js";
import { ChangeWatcher } from "../../dist/src/session/watcher.js";
import { openStore } from "../../dist/src/store/store.js";
import { Evidence } from "../../dist/src/vfs/evidence.js";
import { openHome } from "../../dist/src/vfs/home.js";
import { fromText } from "../../dist/src/vfs/path.js";

const [root, user, seed, how] = process.argv.slice(2);
const { STORE_URL: url } = process.env;
const store = await openStore(root, "server", "test", url ? { database: { url } } : {});
const account = await store.users.byName(user);
const holds = how === "held";
const ledger = new Ledger(store, new Evidence(store.ledger), { holds, quietMs: 10 });
const home = await openHome({ root, account, books: ledger });
// Others that want the home get it, and the store is told now and then: in the midst of things.
const changes = new ChangeWatcher(
  store.changes,
  (change) => ledger.onChange(change),
  () => {},
  () => 2,
);
await changes.start();
setInterval(() => ledger.tend().catch(() => {}), 20);
const flags = {
  read: true,
  write: true,
  append: false,
  create: true,
  truncate: false,
  exclusive: false,
};
const data = Buffer.alloc(40_000, 1);

let state = Number(seed);
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
};
const name = () => fromText(`${["", "d/", "e/"][random(3)]}f${random(6)}`);
const open = [];
const acts = [
  async () => open.push(await home.open(name(), { ...flags, truncate: random(4) === 0 })),
  async () => open.push(await home.open(name(), flags)),
  async () => {
    const length = random(data.length);
    const at = random(3) === 0 ? random(5_000_000) : random(10_000);
    await open[random(open.length)]?.write([data.subarray(0, length)], length, at);
  },
  async () => open[random(open.length)]?.setStat({ size: random(300_000) }),
  async () => open.splice(random(open.length), 1)[0]?.close(),
  async () => home.remove(name()),
  async () => home.rename(name(), name(), random(2) === 0),
  async () => home.hardLink(name(), name()),
  async () => home.makeDirectory(fromText(["d", "e"][random(2)])),
  async () => home.removeDirectory(fromText(["d", "e"][random(2)])),
  async () => home.rename(fromText("d"), fromText("e"), true),
  async () => home.symlink(fromText("f1"), name()),
];
process.stdout.write("working\n");
for (;;) {
  try {
    if (open.length > 6) await open.shift().close();
    // Several at once: what is under way when the end comes is more than one thing.
    await Promise.allSettled([acts[random(acts.length)](), acts[random(acts.length)]()]);
  } catch {
    // refused: quota, no such file, …
  }
}
