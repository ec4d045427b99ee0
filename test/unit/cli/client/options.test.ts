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

it.each([
  ["500K", 512_000],
  ["1KB", 1000],
  ["2MB", 2_000_000],
  ["2MB/s", 2_000_000],
])("--limit-rate %s, as its help writes rates, is %d bytes a second", (text, limitRate) => {
  const command = addTransferOptions(new Command()).argument("<names...>");
  command.parse(["--limit-rate", text, "ann@h:a.txt"], { from: "user" });
  expect(command.opts<TransferFlags>()).toMatchObject({ limitRate });
});
