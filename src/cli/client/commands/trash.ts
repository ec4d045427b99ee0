import { shellQuote } from "../../../client/remote/hashes.ts";
import { UsageError } from "../../../shell/errors.ts";
import { visible } from "../../../text/safe.ts";
import { MANY, type ShellCommand } from "../shell/command.ts";
import type { RemoteShell } from "../shell/remote-shell.ts";
import type { Word } from "../shell/words.ts";

const ACTIONS = ["list", "restore", "empty"] as const;

/** An ID of a file in the trash of this server. */
const ID = /^[0-9a-z]{15}$/;

/** Runs the command of the same name in the server's shell: what it may do there it may do here. */
export const trash: ShellCommand = {
  name: "trash",
  usage: "list [DIRECTORY] | restore [-f] ID|PATH... | empty ID|PATH... | empty --all",
  summary: "list, restore or remove for good what was removed on the server",
  details: `
  -f, --force  restore: what stands there is replaced, and goes to the trash
  --all        empty: all that is there
Of several removed files of one path, the newest is restored.`,
  options: { force: { type: "boolean", short: "f" }, all: { type: "boolean" } },
  operands: [1, MANY],
  side: (index) => (index === 0 ? "none" : "remote"),
  async run(shell, { operands: [action, ...words], flags }) {
    const known = ACTIONS.find((one) => one === action?.text);
    if (known === undefined) throw new UsageError(`trash: give ${ACTIONS.join(", ")}`);
    const { remote } = shell;
    if (remote.run === undefined) throw new Error("the server has no shell");
    const options = [...(flags.has("force") ? ["-f"] : []), ...(flags.has("all") ? ["-a"] : [])];
    const operands = words.map((word) => shellQuote(operandOf(shell, word)));
    const line = ["trash", known, ...options, "--", ...operands].join(" ");
    const { code, stdout, stderr } = await shell.wait(remote.run(line));
    shell.output.out(shown(stdout));
    if (stderr !== "") shell.complain(text(stderr).trimEnd());
    if (code === 127) throw new Error("the server has no trash");
    if (code !== 0 && stderr === "") throw new Error("the server could not do that");
  },
};

function operandOf(shell: RemoteShell, word: Word): string {
  return ID.test(word.text) ? word.text : shell.remotePath(word);
}

function text(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Its lines, safe for a terminal. */
function shown(stdout: string): string {
  return text(stdout)
    .split("\n")
    .map((line) => visible(line))
    .join("\n");
}
