// The commands of the client, for which `scripts/bundle.js` makes a program of one file: CommonJS, so
// that Node.js 20, too, can be given it compiled. Hence no `await` at the top.
import { optimiseNothingYet } from "./cli/client/beginning.ts";
import { processIo } from "./cli/io.ts";
import { leave } from "./cli/leave.ts";
import { run } from "./cli/run.ts";

optimiseNothingYet();
export const ended: Promise<void> = run(process.argv.slice(2), processIo()).then(leave);
