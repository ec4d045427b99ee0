// A process that dies in the midst of its work: argv root, user, what. Runs the built code.
// "open PATH": has the file open when it is killed. "remove PATH": has removed it and not booked that.
import { lstatSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { Ledger } from "../../dist/src/quota/ledger.js";
import { openStore } from "../../dist/src/store/store.js";
import { Evidence } from "../../dist/src/vfs/evidence.js";
import { openHome } from "../../dist/src/vfs/home.js";
import { homeOf } from "../../dist/src/vfs/homes.js";
import { fromText } from "../../dist/src/vfs/path.js";
import { inodeKey } from "../../dist/src/vfs/proc.js";

const [root, user, what, path] = process.argv.slice(2);
const store = await openStore(root, "server", "test");
const account = await store.users.byName(user);
const ledger = new Ledger(store.ledger, new Evidence(store.ledger));
if (what === "open") {
  const home = await openHome({ root, account, books: ledger });
  const flags = {
    read: true,
    write: true,
    append: false,
    create: false,
    truncate: false,
    exclusive: false,
  };
  await home.open(fromText(path), flags);
  process.stdout.write("open\n");
  setInterval(() => {}, 1_000);
} else {
  const host = join(homeOf(root, user), path);
  const stat = lstatSync(host, { bigint: true });
  const victim = { inode: inodeKey(stat), size: Number(stat.size) };
  await ledger.remove(
    account.id,
    { path: fromText(path) },
    () => victim,
    () => {
      unlinkSync(host);
      process.kill(process.pid, "SIGKILL");
    },
  );
}
