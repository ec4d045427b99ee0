import { join } from "node:path";
import type { Target } from "../../client/types.ts";
import type { CommandContext } from "../context.ts";
import type { Engine } from "./engine.ts";
import type { Workplace } from "./job.ts";
import type { LoginFlags } from "./options.ts";
import { runSession, type Surroundings } from "./session.ts";
import { History } from "./shell/history.ts";
import { RemoteShell } from "./shell/remote-shell.ts";
import { interact, runScript } from "./shell/shell.ts";

/** `moorage connect`: the prompt, or the lines of standard input. */
export async function connect(
  context: CommandContext,
  text: string,
  options: LoginFlags,
  given?: Surroundings,
): Promise<void> {
  const prepare = (engine: Engine) => ({ target: engine.parseTarget(text) });
  await runSession(
    context,
    options,
    prepare,
    async (place, { target }, person) => {
      const shell = await openShell(place, target, options);
      const { stdin } = context.io;
      const keyboard = stdin.isTTY === true ? person.keyboard() : undefined;
      if (keyboard === undefined) {
        // From here on Ctrl-C is a signal again.
        person.release();
        return runScript(shell, stdin);
      }
      person.say = (line) => shell.print(line);
      const history = new History(join(place.engine.stateDirectory(), "history"));
      return interact(shell, keyboard, history);
    },
    given,
  );
}

async function openShell(
  place: Workplace,
  target: Target,
  { quiet }: LoginFlags,
): Promise<RemoteShell> {
  const { remote } = place.connection;
  const style = quiet ? "quiet" : "auto";
  const shell = new RemoteShell(place, remote.home, process.cwd(), style);
  if (target.path !== undefined) {
    const word = { text: target.path, pattern: undefined, home: /^~(\/|$)/.test(target.path) };
    const path = await remote.realpath(shell.remotePath(word));
    const { type } = await remote.stat(path);
    if (type !== "directory") throw new Error(`${path}: is not a directory`);
    shell.directory = path;
  }
  return shell;
}
