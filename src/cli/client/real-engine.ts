import { openRemote } from "../../client/login/login.ts";
import { isRemote, parseTarget } from "../../client/login/target.ts";
import { defaultStateDirectory, openJournal } from "../../client/transfer/journal.ts";
import type { Engine } from "./engine.ts";

/** Not before it is needed: a prompt is there sooner. */
const transfers = () => import("../../client/transfer/transfer.ts");

/** The transfer engine of client/. */
export function realEngine(): Engine {
  const journal = openJournal();
  return {
    async open(options, prompts) {
      const connection = await openRemote(options, prompts);
      return {
        remote: connection,
        server: connection.server,
        run: async (job, running) =>
          (await transfers()).runJob(connection, job, { journal, ...running }),
      };
    },
    journal: () => journal,
    stateDirectory: defaultStateDirectory,
    parseTarget,
    isRemote,
  };
}
