// The file shell on this terminal, with a server whose transfers don't end when they are told to.
// Runs the built code. argv: a directory for its state.
import { connect } from "../../dist/src/cli/client/connect.js";
import { Person } from "../../dist/src/cli/client/person.js";
import { processOutput } from "../../dist/src/cli/client/report/output.js";
import { Interrupts } from "../../dist/src/cli/client/shell/interrupts.js";

// Nothing is left behind when the terminal goes.
process.on("SIGHUP", () => process.exit(129));

const io = {
  env: process.env,
  stdin: process.stdin,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colour: false,
};
const connection = {
  server: "ann@h:22",
  remote: { name: "ann@h", home: "/", close: async () => {}, space: async () => undefined },
  run: (_job, { signal }) => {
    signal.addEventListener("abort", () => io.out("asked to stop\n"));
    io.out("under way\n");
    return new Promise(() => {});
  },
};
const engine = {
  open: async () => connection,
  journal: () => ({ list: async () => [] }),
  stateDirectory: () => process.argv[2],
  parseTarget: () => ({ host: "h" }),
};
const interrupts = new Interrupts();
const person = new Person(interrupts, (line) => io.err(`${line}\n`));
const around = { engine, output: processOutput(io), interrupts, person };
await connect({ io, root: () => "/", exitCode: 0 }, "h", {}, around);
