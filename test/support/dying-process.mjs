// A process that dies in the midst of its work: argv root, user, what, path, target. Runs the built code.
// "open": has the file open when it is killed. "remove", "rename": has done that and not booked it.
// "stale": removes what was moved since, or dies before that.
import { lstatSync, renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ledger } from "../../dist/src/quota/ledger.js";
import { openStore } from "../../dist/src/store/store.js";
import { Evidence } from "../../dist/src/vfs/evidence.js";
import { openHome } from "../../dist/src/vfs/home.js";
import { homeOf } from "../../dist/src/vfs/homes.js";
import { fromText } from "../../dist/src/vfs/path.js";
import { inodeKey } from "../../dist/src/vfs/proc.js";

const [root, user, what, path, target = ""] = process.argv.slice(2);
const { STORE_URL: url } = process.env;
const store = await openStore(root, "server", "test", url ? { database: { url } } : {});
const account = await store.users.byName(user);
const ledger = new Ledger(store, new Evidence(store.ledger));
const flags = {
  read: true,
  write: true,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};
const host = (name) => join(homeOf(root, user), name);

/** What removing the name frees; undefined when there is none. */
function inspect(name) {
  const stat = lstatSync(host(name), { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return { inode: inodeKey(stat), size: stat.nlink === 1n ? Number(stat.size) : 0 };
}

function die() {
  process.kill(process.pid, "SIGKILL");
}

const acts = {
  async open() {
    const home = await openHome({ root, account, books: ledger });
    await home.open(fromText(path), flags);
    process.stdout.write("open\n");
    setInterval(() => {}, 1_000);
  },
  remove() {
    const perform = () => {
      unlinkSync(host(path));
      die();
    };
    return ledger.remove(account.id, { path: fromText(path) }, () => inspect(path), perform);
  },
  /** The file, which is at the target by now, by a path that led there before. */
  stale(dies) {
    const perform = () => {
      if (dies === "before") die();
      unlinkSync(host(target));
      die();
    };
    const { inode: inside } = inspect(dirname(target));
    const entry = { path: fromText(path), inside };
    return ledger.remove(account.id, entry, () => inspect(target), perform);
  },
  rename() {
    const perform = () => {
      renameSync(host(path), host(target));
      die();
    };
    const { inode } = inspect(path);
    const [from, to] = [fromText(path), fromText(target)];
    return ledger.rename(account.id, from, to, inode, () => inspect(target), perform);
  },
};
await acts[what](process.argv[7]);
