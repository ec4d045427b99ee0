import { backgroundIo, isInBackground } from "./cli/background.ts";
import { processIo } from "./cli/io.ts";
import { leave } from "./cli/leave.ts";
import { run } from "./cli/run.ts";

const args = process.argv.slice(2);
await leave(await run(args, isInBackground(args) ? backgroundIo() : processIo()));
