import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Input, InputDecoder, MAX_PASTE } from "../../../admin/input.ts";

function decoded(...chunks: readonly (string | Buffer)[]): Input[] {
  const decoder = new InputDecoder();
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.flush()];
}

function names(...chunks: readonly string[]): string[] {
  return decoded(...chunks).map((input) => (input.type === "key" ? input.key : input.type));
}

describe("keys", () => {
  it.each([
    ["a", "a"],
    ["G", "G"],
    [" ", " "],
    ["é", "é"],
    ["🙂", "🙂"],
    ["\r", "enter"],
    ["\n", "enter"],
    ["\t", "tab"],
    ["\u007f", "backspace"],
    ["\b", "backspace"],
    ["\u0003", "ctrl-c"],
    ["\u0015", "ctrl-u"],
    ["\u001b[A", "up"],
    ["\u001bOA", "up"],
    ["\u001b[1;5C", "ctrl-right"],
    ["\u001b[Z", "shift-tab"],
    ["\u001b[5~", "pageup"],
    ["\u001b[6~", "pagedown"],
    ["\u001b[3~", "delete"],
    ["\u001b[H", "home"],
    ["\u001b[1~", "home"],
    ["\u001b[F", "end"],
    ["\u001bOF", "end"],
    ["\u001bOP", "f1"],
    ["\u001b[11~", "f1"],
    ["\u001b", "escape"],
  ])("%j is %s", (bytes, name) => {
    expect(names(bytes)).toEqual([name]);
  });

  it.each([
    "\u001b[999~",
    "\u001b[I",
    "\u001b[?62;c",
    "\u001b[M !!",
    "\u001b[[A",
    "\u0080",
    "\u001b[<35;4;4M",
    "\u001b[<0;4;4m",
    "\u001b[<0;0;0M",
  ])("%j means nothing, and what follows is understood", (bytes) => {
    expect(names(bytes, "x")).toEqual(["x"]);
  });

  it("Escape and a key typed soon after are two keys", () => {
    expect(names("\u001bq")).toEqual(["escape", "q"]);
    expect(names("\u001b\u001b")).toEqual(["escape", "escape"]);
  });

  it("Ctrl-C gets through whatever was begun before it", () => {
    for (const begun of [
      "\u001b",
      "\u001b[",
      "\u001b[12",
      "\u001b[<0;1",
      `\u001b[${"1".repeat(99)}`,
    ]) {
      expect(names(begun, "\u0003")).toContain("ctrl-c");
    }
  });

  it("a lone Escape is only known after a while", () => {
    const decoder = new InputDecoder();
    expect(decoder.push("\u001b")).toEqual([]);
    expect(decoder.waiting).toBe("key");
    expect(decoder.flush()).toEqual([{ type: "key", key: "escape" }]);
    expect(decoder.waiting).toBeNull();
  });
});

describe("the mouse", () => {
  it("clicks where it is, and turns its wheel", () => {
    expect(decoded("\u001b[<0;12;5M", "\u001b[<64;1;1M", "\u001b[<65;1;1M")).toEqual([
      { type: "click", x: 11, y: 4 },
      { type: "wheel", delta: -1 },
      { type: "wheel", delta: 1 },
    ]);
  });
});

describe("pastes", () => {
  it("are one thing, with the newlines of this system", () => {
    expect(decoded("\u001b[200~one\r\ntwo\rq\u0003\u001b[201~x")).toEqual([
      { type: "paste", text: "one\ntwo\nq\u0003" },
      { type: "key", key: "x" },
    ]);
  });

  it("without an end are ended by time, and are bounded", () => {
    const decoder = new InputDecoder();
    decoder.push(`\u001b[200~${"a".repeat(3 * MAX_PASTE)}`);
    decoder.push("b".repeat(100));
    expect(decoder.waiting).toBe("paste");
    const [paste] = decoder.flush();
    expect(paste).toEqual({ type: "paste", text: "a".repeat(MAX_PASTE) });
    expect(decoder.waiting).toBeNull();
  });
});

describe("bytes from anywhere", () => {
  const parts = fc.constantFrom(
    "\u001b[200~hé\r\u001b[201~",
    "\u001b[A",
    "\u001b[<0;3;4M",
    "\u001bOB",
    "宽",
    "x",
    "\u001b[6~",
    "\r",
  );

  it("mean the same wherever they are cut", () => {
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 8 }), fc.array(fc.nat(60)), (pieces, cuts) => {
        const whole = Buffer.from(pieces.join(""));
        const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b)];
        const chunks = [...at, whole.length].map((end, i) => whole.subarray(at[i - 1] ?? 0, end));
        expect(decoded(...chunks)).toEqual(decoded(whole));
      }),
    );
  });

  it("never throw, and leave little behind", () => {
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom("\u001b", "[", "<", "1;", "~", "M", "\u001bO")
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(junk), (chunks) => {
        for (const input of decoded(...chunks)) {
          if (input.type === "key") expect(input.key).not.toBe("");
        }
      }),
    );
  });
});
