import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { openDisplay } from "../../../admin/display.ts";
import { Frame } from "../../../admin/frame.ts";
import { span } from "../../../admin/text.ts";
import { FakeTerminal } from "../../support/screen.ts";

vi.setConfig({ testTimeout: 180_000 });

function frameOf(lines: readonly string[], columns = 12, rows = 4): Frame {
  const frame = new Frame(columns, rows);
  lines.forEach((line, y) => {
    frame.put(0, y, [span(line, y % 2 === 0 ? {} : { bold: true, fg: "red" })]);
  });
  return frame;
}

describe("the display", () => {
  it("shows each picture after any other, wide characters or not", () => {
    const line = fc.string({
      unit: fc.constantFrom("a", "b", " ", "宽", "字", "é", "🙂"),
      maxLength: 12,
    });
    const frames = fc.array(fc.array(line, { maxLength: 4 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(frames, (pictures) => {
        const terminal = new FakeTerminal({ columns: 12, rows: 4 });
        const display = openDisplay(terminal, terminal.size(), () => {});
        for (const lines of pictures) {
          const frame = frameOf(lines);
          display.draw(frame);
          expect(terminal.screen.text).toBe(frame.toText());
        }
        display.close();
      }),
      { numRuns: 100 },
    );
  });

  it("takes the alternate screen, the mouse and the cursor, and gives them back", () => {
    const terminal = new FakeTerminal();
    const { modes } = terminal.screen;
    const display = openDisplay(terminal, terminal.size(), () => {});
    expect([...modes]).toEqual(expect.arrayContaining([1049, 1000, 1006, 2004]));
    expect(modes.has(25)).toBe(false);
    display.close();
    expect([...modes].filter((mode) => mode !== 12)).toEqual([25]);
    expect(terminal.output.listenerCount("drain")).toBe(0);
  });

  it("copies text by OSC 52, with nothing of it as it is", () => {
    const terminal = new FakeTerminal();
    const display = openDisplay(terminal, terminal.size(), () => {});
    display.copy("päss\u001b]\u0007");
    display.close();
    const [, rest = ""] = terminal.sent.split("\u001b]52;c;");
    expect(Buffer.from(rest.split("\u0007")[0] ?? "", "base64").toString()).toBe(
      "päss\u001b]\u0007",
    );
    expect(terminal.sent).not.toContain("päss");
  });

  it("draws without colours when they aren't wanted, but not without bold and reverse", () => {
    for (const colour of [true, false]) {
      const terminal = new FakeTerminal({ colour });
      const display = openDisplay(terminal, terminal.size(), () => {});
      display.draw(frameOf(["", "red"], 80, 24));
      display.close();
      expect(terminal.sent.includes("\u001b[1;31m")).toBe(colour);
      expect(terminal.sent).toContain(colour ? "\u001b[1;31m" : "\u001b[1m");
    }
  });
});
