// A process that runs one transfer until it is done or killed: argv one object in JSON. Runs the
// built code. Exits 0 when every file arrived, 1 otherwise; prints each event as a line of JSON.

import { openRemote } from "../../dist/src/client/login/login.js";
import { openJournal } from "../../dist/src/client/transfer/journal.js";
import { runJob } from "../../dist/src/client/transfer/transfer.js";

const { login, job, state, quiet } = JSON.parse(process.argv[2]);
const prompts = {
  secret: async () => process.env.TRANSFER_PASSWORD,
  confirm: async () => false,
  notice: () => {},
};
let connection;
try {
  connection = await openRemote(login, prompts);
  const summary = await runJob(connection, job, {
    journal: openJournal(state),
    signal: new AbortController().signal,
    onEvent: (event) => {
      if (!quiet) process.stdout.write(`${JSON.stringify(event)}\n`);
    },
  });
  process.stdout.write(`${JSON.stringify({ type: "summary", ...summary })}\n`);
  process.exitCode = summary.failed > 0 ? 1 : 0;
} catch (error) {
  process.stdout.write(`${JSON.stringify({ type: "error", message: error.message })}\n`);
  process.exitCode = 1;
}
await connection?.close();
