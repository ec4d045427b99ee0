import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { moved, settled } from "../../../admin/cursor.ts";
import { allSelected, EMPTY_EDITOR, edited, editorOf, inserted } from "../../../admin/editor.ts";

describe("typing", () => {
  const typed = (text: string, ...keys: string[]) =>
    keys.reduce((editor, key) => edited(editor, key, 20) ?? editor, editorOf(text)).text;

  it.each([
    ["ab", ["c"], "abc"],
    ["ab", ["left", "c"], "acb"],
    ["ab", ["home", "c", "end", "d"], "cabd"],
    ["ab", ["backspace"], "a"],
    ["ab", ["home", "delete"], "b"],
    ["ab", ["home", "backspace"], "ab"],
    ["one two", ["ctrl-w"], "one "],
    ["one two", ["left", "ctrl-u"], "o"],
    ["one two", ["home", "right", "ctrl-k"], "o"],
    ["a🙂", ["backspace"], "a"],
    ["🙂", ["left", "x"], "x🙂"],
    ["ab", ["f1", "ctrl-x"], "ab"],
  ] as [string, string[], string][])("%j and %j make %j", (text, keys, result) => {
    expect(typed(text, ...keys)).toBe(result);
  });

  it.each([
    ["c", { text: "c", at: 1 }],
    ["🙂", { text: "🙂", at: 2 }],
    [" ", { text: " ", at: 1 }],
    ["left", { text: "ab", at: 1 }],
    ["right", { text: "ab", at: 2 }],
    ["home", { text: "ab", at: 0 }],
    ["end", { text: "ab", at: 2 }],
    ["backspace", { text: "a", at: 1 }],
    ["delete", EMPTY_EDITOR],
    ["ctrl-u", EMPTY_EDITOR],
  ] as const)("of what is selected, %j makes %j", (key, result) => {
    const editor = edited(allSelected(editorOf("ab")), key, 20);
    expect(editor).toEqual(result);
    expect(editor?.selected).toBeUndefined();
  });

  it("a key without a meaning leaves what is selected so, and of nothing nothing is", () => {
    expect(edited(allSelected(editorOf("ab")), "f1", 20)).toBeUndefined();
    expect(allSelected(editorOf(""))).toEqual(EMPTY_EDITOR);
  });

  it("a paste takes the place of what is selected; an empty one of nothing", () => {
    const selected = allSelected(editorOf("abcd"));
    expect(inserted(selected, "xy", 4)).toEqual({ text: "xy", at: 2 });
    expect(inserted(selected, "", 4).text).toBe("abcd");
  });

  it("stays within its bound, and in whole characters", () => {
    expect(inserted(EMPTY_EDITOR, "abcdef", 4)).toEqual({ text: "abcd", at: 4 });
    expect(inserted(EMPTY_EDITOR, "abc🙂", 4)).toEqual({ text: "abc", at: 3 });
    expect(inserted({ text: "abcd", at: 0 }, "x", 4).text).toBe("abcd");
  });

  it("keeps its place inside the text, whatever is typed", () => {
    const keys = fc.constantFrom(
      "a",
      "🙂",
      "left",
      "right",
      "home",
      "end",
      "backspace",
      "delete",
      "ctrl-u",
      "ctrl-k",
      "ctrl-w",
    );
    fc.assert(
      fc.property(fc.array(keys), (pressed) => {
        let editor = EMPTY_EDITOR;
        for (const key of pressed) {
          editor = edited(editor, key, 10) ?? editor;
          expect(editor.at).toBeGreaterThanOrEqual(0);
          expect(editor.at).toBeLessThanOrEqual(editor.text.length);
          expect(editor.text).not.toMatch(/\p{Cs}/u);
        }
      }),
    );
  });
});

describe("moving in a list", () => {
  const from = { index: 5, top: 3 };

  it.each([
    ["up", { index: 4, top: 3 }],
    ["j", { index: 6, top: 3 }],
    ["pagedown", { index: 9, top: 7 }],
    ["pageup", { index: 1, top: 0 }],
    ["G", { index: 19, top: 15 }],
    ["home", { index: 0, top: 0 }],
  ] as const)("%s leads to %j", (key, to) => {
    expect(moved(from, key, 20, 5, 4)).toEqual(to);
  });

  it("is nothing for other keys", () => {
    expect(moved(from, "x", 20, 5, 4)).toBeUndefined();
  });

  it("brings back into range what was out of it", () => {
    expect(settled({ index: 50, top: 40 }, 10, 5)).toEqual({ index: 9, top: 5 });
    expect(settled({ index: -3, top: -3 }, 0, 5)).toEqual({ index: 0, top: 0 });
    expect(settled({ index: 2, top: 1 }, 10, 5)).toEqual({ index: 2, top: 1 });
  });
});
