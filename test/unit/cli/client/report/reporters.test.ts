import { describe, expect, it } from "vitest";
import { JsonReporter } from "../../../../../src/cli/client/report/json-reporter.ts";
import { LiveReporter } from "../../../../../src/cli/client/report/live-reporter.ts";
import { PlainReporter } from "../../../../../src/cli/client/report/plain-reporter.ts";
import { QuietReporter } from "../../../../../src/cli/client/report/quiet-reporter.ts";
import type { Reporter } from "../../../../../src/cli/client/report/reporter.ts";
import type { TransferEvent } from "../../../../../src/client/types.ts";
import { Written } from "../../../../support/client-run.ts";

const SIZE = 1_000_000;
const START: TransferEvent = {
  type: "start",
  file: 1,
  source: "/a/one.bin",
  target: "/b/one.bin",
  direction: "down",
  size: SIZE,
  offset: 0,
};
const DONE: TransferEvent = { type: "done", file: 1, bytes: SIZE, durationMs: 2000 };
const FAILED: TransferEvent = {
  type: "failed",
  file: 2,
  source: "/a/two\u001b[2J",
  message: "/a/two\u001b[2J: permission denied",
  code: "failed",
  resumable: false,
};

function progress(bytes: number): TransferEvent {
  return { type: "progress", file: 1, bytes, size: SIZE };
}

/** A thousand progress events in a second, with a look at the screen after each. */
function storm(report: Reporter, clock: { now: number }, frame: () => void): void {
  report.event(START);
  for (let step = 1; step <= 1000; step += 1) {
    clock.now += 1;
    report.event(progress(step * 900));
    if (clock.now % 100 === 0) frame();
  }
}

describe("on a terminal", () => {
  it("draws only at its frames, each in one piece, over what was there", () => {
    const [written, clock] = [new Written(60), { now: 0 }];
    const report = new LiveReporter(written, () => clock.now);
    storm(report, clock, () => report.frame());
    expect(written.writes.length).toBeLessThanOrEqual(10);
    expect(written.writes.at(-1)).toMatch(/^\r[^\n]* 90% [^\n]*$/);
    expect(written.writes.at(-1)).toContain("\u001b[K\u001b[J");
    report.event(DONE);
    report.stop();
    expect(written.writes.at(-1)).toMatch(/^\rone\.bin [^\n]*100%[^\n]*\n[^\n]*$/);
    expect(written.writes.at(-1)?.endsWith("\u001b[K\n\u001b[J")).toBe(true);
    const writes = written.writes.length;
    report.event(progress(1));
    report.stop();
    expect(written.writes).toHaveLength(writes);
  });

  it("goes back over all rows of bars that a narrower terminal has wrapped", () => {
    const written = new Written(80);
    const report = new LiveReporter(written, () => 0);
    report.event(START);
    report.event({ ...START, file: 2 });
    report.frame();
    written.resize(30);
    expect(written.writes.at(-1)).toBe("\r\u001b[5A\u001b[J");
    report.stop();
  });

  it("begins anew below what others wrote while it was suspended", () => {
    const written = new Written(80);
    const report = new LiveReporter(written, () => 0);
    report.event(START);
    report.event({ ...START, file: 2 });
    report.frame();
    process.emit("SIGCONT", "SIGCONT");
    const writes = written.writes.length;
    report.frame();
    expect(written.writes).toHaveLength(writes + 1);
    expect(written.writes.at(-1)).toMatch(/^\rone\.bin/);
    report.stop();
    expect(process.listenerCount("SIGCONT")).toBe(0);
  });

  it("writes errors to standard error between the bars, without what could steer a terminal", () => {
    const written = new Written(80);
    const report = new LiveReporter(written, () => 0);
    report.event(START);
    report.frame();
    report.event(FAILED);
    report.frame();
    expect(written.errors).toBe("/a/two\\x1b[2J: permission denied\n");
    expect(written.writes.at(-2)).toBe("\r\u001b[J");
    expect(written.writes.at(-1)).toContain("one.bin");
    report.stop();
  });
});

it("writes plain lines into a pipe", () => {
  const written = new Written();
  const report = new PlainReporter(written, () => 0);
  for (const event of [START, progress(5), DONE, FAILED]) report.event(event);
  const summary = { files: 1, failed: 1, skipped: 0, bytes: SIZE, durationMs: 2000 };
  report.summary(summary);
  report.stop();
  expect(written.text).toBe(
    "one.bin: done, 1.00 MB in 2.00 s (500 KB/s)\n1 file, 1.00 MB in 2.00 s (500 KB/s), 1 failed\n",
  );
  expect(written.errors).toBe("/a/two\\x1b[2J: permission denied\n");
});

it("counts only what came over the line for the rate of a summary", () => {
  const written = new Written();
  const report = new PlainReporter(written, () => 0);
  for (const event of [{ ...START, offset: 900_000 }, progress(950_000), DONE]) report.event(event);
  report.summary({ files: 1, failed: 0, skipped: 0, bytes: SIZE, durationMs: 2000 });
  report.stop();
  expect(written.text).toContain("1 file, 1.00 MB in 2.00 s (50.0 KB/s)\n");
  // Where it goes on is said first.
  expect(written.text).toMatch(/^one\.bin: goes on at 900 KB of 1\.00 MB\n/);
});

it("writes whole milliseconds into JSON", () => {
  const written = new Written();
  const report = new JsonReporter(written, () => 0);
  report.event({ ...DONE, durationMs: 1234.5678 } as TransferEvent);
  report.summary({ files: 1, failed: 0, skipped: 0, bytes: SIZE, durationMs: 1234.4 });
  const lines = written.text.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).durationMs)).toEqual([1235, 1234]);
});

it("writes one JSON event a line, progress ten times a second at most, nothing raw", () => {
  const [written, clock] = [new Written(), { now: 0 }];
  const report = new JsonReporter(written, () => clock.now);
  storm(report, clock, () => report.notice());
  report.event(DONE);
  report.event({ ...FAILED, source: "\u009b\u202e" } as TransferEvent);
  report.summary({ files: 1, failed: 1, skipped: 0, bytes: SIZE, durationMs: 1 });
  const events = written.text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.filter(({ type }) => type === "progress").length).toBeLessThanOrEqual(11);
  expect(events.map(({ type }) => type).filter((type) => type !== "progress")).toEqual([
    "start",
    "done",
    "failed",
    "summary",
  ]);
  expect(events.at(-2).source).toBe("\u009b\u202e");
  expect(written.text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
});

it("is quiet but for errors", () => {
  const written = new Written(80);
  const report = new QuietReporter(written);
  for (const event of [START, DONE, FAILED]) report.event(event);
  expect(written.text).toBe("");
  expect(written.errors).toContain("permission denied");
});

describe("the summary of a job", () => {
  const SUMMARY = { files: 0, failed: 0, skipped: 0, bytes: 0, durationMs: 2000 };
  const plain = (events: readonly TransferEvent[], change: object): string => {
    const written = new Written();
    const report = new PlainReporter(written, () => 0);
    for (const event of events) report.event(event);
    report.summary({ ...SUMMARY, ...change });
    report.stop();
    return written.text;
  };

  it("is one line for a thousand files that are there already", () => {
    const events = Array.from({ length: 1000 }, (_, file) => {
      const reason = "is there already";
      return { type: "skipped", file, source: `/s/f${file}`, reason, size: 1 } as const;
    });
    expect(plain(events, { skipped: 1000 })).toBe(
      "nothing to transfer, 1000 skipped: there already\n",
    );
  });

  it("names a few of those that were left out for another reason, and counts all", () => {
    const events = Array.from({ length: 1000 }, (_, file) => {
      return { type: "skipped", file, source: `/s/f${file}`, reason: "not a file" } as const;
    });
    const text = plain(events, { files: 1, skipped: 1000, bytes: 5 });
    expect(text.split("\n")).toHaveLength(5);
    expect(text).toContain("1000 skipped: not a file\n");
  });

  it.each([
    [{ files: 2, verified: 2, hash: "sha256" }, ", verified by SHA-256\n"],
    [{ files: 2, verified: 1, hash: "sha256" }, ", 1 of them verified by SHA-256\n"],
    [{ files: 2, verified: 0 }, ", not verified: the server gave no checksum\n"],
    [{ files: 2 }, "2 files, 0 B in 2.00 s\n"],
  ])("tells by what %j were verified", (change, end) => {
    expect(plain([], change).endsWith(end)).toBe(true);
  });

  it("is left out where the only file has failed: its line told why", () => {
    expect(plain([], { failed: 1 })).toBe("");
  });
});
