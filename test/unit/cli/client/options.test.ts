import { Command } from "commander";
import { expect, it } from "vitest";
import { get } from "../../../../src/cli/client/one-job.ts";
import { addTransferOptions, type TransferFlags } from "../../../../src/cli/client/options.ts";
import { ClientRun } from "../../../support/client-run.ts";
import { FakeEngine } from "./fake-engine.ts";

it.each([
  [[], true],
  [["--resume"], true],
  [["--no-resume"], false],
])("the options %j ask for a resume: %s", async (given, resume) => {
  const command = addTransferOptions(new Command()).argument("<names...>");
  command.parse([...given, "ann@h:a.txt"], { from: "user" });
  const engine = new FakeEngine({ "/home/a.txt": 1 });
  const { context, around } = new ClientRun(engine);
  await get(context, command.args, command.opts<TransferFlags>(), around);
  expect(engine.jobs).toEqual([expect.objectContaining({ resume, verify: true, parallel: 4 })]);
});
