import { describe, expect, it } from "vitest";
import {
  layout,
  liveLines,
  noteText,
  screenRows,
} from "../../../../../src/cli/client/report/progress-lines.ts";
import { ProgressState } from "../../../../../src/cli/client/report/progress-state.ts";
import type { TransferEvent } from "../../../../../src/client/types.ts";
import { width } from "../../../../../src/text/width.ts";

type Timed = readonly [now: number, event: TransferEvent];

function seen(events: readonly Timed[]): ProgressState {
  const state = new ProgressState(0);
  for (const [now, event] of events) state.apply(event, now);
  return state;
}

function start(file: number, source: string, size: number, offset = 0): TransferEvent {
  return { type: "start", file, source, target: "/t", direction: "down", size, offset };
}

/** A file that gets a megabyte a second for two seconds. */
function steady(file: number, source: string, offset = 0): Timed[] {
  const size = 10_000_000;
  const events: Timed[] = [[0, start(file, source, size, offset)]];
  for (let now = 100; now <= 2000; now += 100) {
    events.push([now, { type: "progress", file, bytes: offset + now * 1000, size }]);
  }
  return events;
}

const TWO: Timed[] = [
  [0, { type: "totals", files: 3, bytes: 30_000_000, final: true }],
  ...steady(1, "/home/report 2026, last version.pdf"),
  ...steady(2, "/home/写真とビデオの全部.zip", 5_000_000),
];

describe("bars", () => {
  const golden: [number, string[]][] = [
    [20, ["repo~pdf  20%  0:08", "写真~zip  70%  0:03", "0/3       30%  0:11"]],
    [
      40,
      [
        "repo~.pdf [#-----]  20% 1.00 MB/s  0:08",
        "写真~.zip [####--]  70% 1.00 MB/s  0:03",
        "0/3       [##----]  30% 2.00 MB/s  0:11",
      ],
    ],
    [
      80,
      [
        "report 2026~ersion.pdf  [####----------------]   20%  2.00 MB  1.00 MB/s   0:08",
        "写真とビデオの全部.zip  [##############------]   70%  7.00 MB  1.00 MB/s   0:03",
        "0 of 3 files            [######--------------]   30%  9.00 MB  2.00 MB/s   0:11",
      ],
    ],
  ];
  it.each(golden)("of %i columns", (columns, lines) => {
    expect(liveLines(seen(TWO), columns, 2000)).toEqual(lines);
  });

  it("never need the last column, whatever the width", () => {
    const state = seen(TWO);
    for (let columns = 2; columns <= 250; columns += 1) {
      for (const line of liveLines(state, columns, 2000)) expect(width(line)).toBeLessThan(columns);
    }
    expect(layout(20)).toMatchObject({ name: 8, bar: 0, time: 5 });
  });

  it("are no more than the rows there are; the total stays", () => {
    expect(liveLines(seen(TWO), 80, 2000, 2)).toHaveLength(2);
    expect(liveLines(seen(TWO), 80, 2000, 1)).toEqual([expect.stringContaining("0 of 3 files")]);
  });

  it("say 100% only when all of it is there", () => {
    const [line] = liveLines(
      seen([
        [0, start(1, "a", 1_000_000)],
        [500, { type: "progress", file: 1, bytes: 999_999, size: 1_000_000 }],
      ]),
      80,
      500,
    );
    expect(line).toContain(" 99%");
  });

  it("show a stalled file's rate going down over the last seconds, and then no end", () => {
    const state = seen(steady(1, "a"));
    expect(liveLines(state, 80, 4000)[0]).toMatch(/500 KB\/s +0:16$/);
    expect(liveLines(state, 80, 8000)[0]).toMatch(/0 B\/s +--:--$/);
  });

  it("don't count what was there before for the rate", () => {
    const state = seen(steady(1, "a", 7_000_000));
    expect(liveLines(state, 80, 2000)[0]).toMatch(/90% +9.00 MB +1.00 MB\/s +0:01$/);
  });

  it("tell what is waited for, and that a connection is made anew", () => {
    const lost = { type: "reconnecting", attempt: 2, waitMs: 3000, reason: "reset" } as const;
    const state = seen([...steady(1, "a"), [2000, { type: "verifying", file: 1 }], [2000, lost]]);
    const lines = liveLines(state, 80, 2500);
    expect(lines[0]).toMatch(/100% +2.00 MB +verifying +check$/);
    expect(lines[1]).toBe("connecting again in 3 s (attempt 2)");
    state.apply({ type: "reconnected" }, 6000);
    expect(state.takeNotes().map((note) => noteText(note, 80))).toEqual([
      "connection lost: reset",
      "connected again",
    ]);
  });
});

describe("lines that stay", () => {
  it("tell a file's end, and what failed, each once", () => {
    const state = seen([
      ...steady(1, "/a/b.txt"),
      [3000, { type: "done", file: 1, bytes: 10_000_000, durationMs: 3000 }],
      [
        3000,
        {
          type: "failed",
          file: 2,
          source: "/c",
          message: "/c: gone",
          code: "failed",
          resumable: false,
        },
      ],
      [3000, { type: "skipped", file: 3, source: "/d", reason: "a link" }],
    ]);
    expect(state.takeNotes().map((note) => noteText(note, 80))).toEqual([
      "b.txt                   [####################]  100%  10.0 MB  3.33 MB/s   0:03",
      "/c: gone",
      "d: skipped: a link",
    ]);
    expect(state.takeNotes()).toEqual([]);
    expect(state.ended).toBe(3);
  });
});

it("what was left out or failed before it began is nothing to wait for", () => {
  const state = seen([
    [0, { type: "totals", files: 4, bytes: 30_000_000, final: true }],
    [0, { type: "skipped", file: 2, source: "/b", reason: "is there already", size: 8_000_000 }],
    [0, { type: "skipped", file: 3, source: "/c", reason: "a link" }],
    [
      0,
      {
        type: "failed",
        file: 4,
        source: "/d",
        message: "/d: gone",
        code: "failed",
        resumable: false,
        size: 12_000_000,
      },
    ],
    ...steady(1, "/a"),
  ]);
  expect(liveLines(state, 80, 2000).at(-1)).toMatch(
    /^3 of 4 files .* 73% +22.0 MB +1.00 MB\/s +0:08$/,
  );
});

describe("a file that was not verified", () => {
  it("is done, and told to be so with the reason", () => {
    const state = seen([[0, start(1, "/x/a", 10)]]);
    const unverified = "the server did not answer in time";
    state.apply({ type: "done", file: 1, bytes: 10, durationMs: 5, unverified }, 5);
    const [done, said] = state.takeNotes();
    expect(done?.kind).toBe("done");
    expect(said).toEqual({ kind: "said", text: `a: not verified: ${unverified}` });
  });
});

describe("hostile names", () => {
  it("a server's file name with escape sequences never reaches the terminal as such", () => {
    const name = "/x/\u001b]0;owned\u0007\u001b[2J\u009b31m\u202etxt.exe\r\nfake";
    const state = seen([[0, start(1, name, 10)]]);
    const bar = liveLines(state, 200, 0).join("");
    state.apply({ type: "done", file: 1, bytes: 10, durationMs: 5 }, 5);
    state.apply(
      {
        type: "failed",
        file: 2,
        source: name,
        message: `${name}: no`,
        code: "failed",
        resumable: false,
      },
      5,
    );
    const shown = [bar, ...state.takeNotes().map((note) => noteText(note, 200))].join("");
    expect(shown).toContain("\\x1b[2J");
    expect(shown).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  it("are cut to their place by columns, with clusters whole", () => {
    const family = "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}";
    for (const source of [family.repeat(40), "e\u0301".repeat(80), "한글".repeat(50), "\ud800a"]) {
      for (const columns of [20, 33, 80]) {
        const [line = ""] = liveLines(seen([[0, start(1, source, 10)]]), columns, 0);
        expect(width(line)).toBeLessThan(columns);
        expect(line).toContain("0%");
      }
    }
  });
});

it("counts the rows that lines take after the terminal got narrower", () => {
  expect(screenRows(["a".repeat(79), "b".repeat(20), ""], 40)).toBe(4);
});
