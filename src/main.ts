import { backgroundIo, isInBackground } from "./cli/background.ts";
import { processIo } from "./cli/io.ts";
import { run } from "./cli/run.ts";

const args = process.argv.slice(2);
process.exit(await run(args, isInBackground(args) ? backgroundIo() : processIo()));
