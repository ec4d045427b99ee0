// Loaded before a program (node --import): each write that the program hands to a thread ends in one
// that never returns, because it opens a pipe that nobody writes to. STUCK_PIPE is that pipe.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

fs.writev = () => {
  fs.open(process.env.STUCK_PIPE, "r", () => {});
  fs.writeSync(2, "stuck\n");
};
syncBuiltinESMExports();
