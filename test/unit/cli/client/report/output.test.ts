import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { LiveReporter } from "../../../../../src/cli/client/report/live-reporter.ts";
import { processOutput } from "../../../../../src/cli/client/report/output.ts";
import { Written } from "../../../../support/client-run.ts";

const ENDED =
  "the server ended the session: The session was ended by an administrator: maintenance, back at noon";

function errors(errColumns: number | undefined): string {
  let written = "";
  const err = (text: string): void => {
    written += text;
  };
  const io = { env: {}, stdin: new PassThrough(), out: () => {}, err, errColumns, colour: false };
  processOutput(io).err(`${ENDED}\n`);
  return written;
}

it("what went wrong is broken between words on a terminal, and stays one line elsewhere", () => {
  expect(errors(80).split("\n")).toEqual([
    "the server ended the session: The session was ended by an administrator:",
    "maintenance, back at noon",
    "",
  ]);
  expect(errors(undefined)).toBe(`${ENDED}\n`);
});

it("so is what stays above the bars, and leaves nothing of them behind it", () => {
  const written = new Written(40);
  const report = new LiveReporter(written, () => 0);
  report.event({ type: "made", target: "/projects/pictures of the", like: "/projects/picture" });
  report.stop();
  const lines = written.text.split("\u001b[K\n").slice(0, -1);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join(" ")).toMatch(/^\rmade .*pictures of the.* \/projects\/picture$/);
  expect(lines.filter((line) => line.trimStart().length > 40)).toEqual([]);
});
