import type { Client, Login, Op } from "../client.ts";
import { start } from "../program.ts";

/** What an operation says in the order that the programs without JSON read it in. */
function words(op: Op): string[] {
  const { do: what, ...rest } = op;
  const { here, there, from, to, path, mode } = rest as Record<string, string | number>;
  const put = /put/i.test(what) ? [here, there] : [there, here];
  return [what, ...put, from, to, path, mode].flatMap((word) =>
    word === undefined ? [] : [String(word)],
  );
}

/** An order for a program without JSON: a line of percent-encoded words each. */
export function plain(login: Login, ops: readonly Op[], goOn: boolean): string {
  const { port, user, password = "", key } = login;
  const first = [String(port), user, password, key.openssh, goOn ? "go on" : ""];
  const lines = [first, ...ops.map(words)];
  return lines.map((line) => `${line.map(encodeURIComponent).join("\t")}\n`).join("");
}

/** Starts a program that reads an order in lines. */
export function plainScript(
  program: (login: Pick<Login, "desk">) => readonly [string, ...string[]],
): Client["start"] {
  return (login, ops, { goOn = false } = {}) => {
    const [name, ...args] = program(login);
    return start(name, args, login, { input: plain(login, ops, goOn) });
  };
}
