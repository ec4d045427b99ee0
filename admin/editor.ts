import type { Editor } from "./model.ts";

export const EMPTY_EDITOR: Editor = { text: "", at: 0 };

export function editorOf(text: string): Editor {
  return { text, at: text.length };
}

/** A field that has just got the focus: typing replaces its text, and moving the cursor keeps it. */
export function allSelected({ text }: Editor): Editor {
  return text === "" ? EMPTY_EDITOR : { text, at: text.length, selected: true };
}

/** Ends the selection, so that the text can be changed. */
export function unselected({ text, at }: Editor): Editor {
  return { text, at };
}

/** Puts text in, instead of what is selected. What goes beyond `max` UTF-16 units is left out. */
export function inserted(editor: Editor, added: string, max: number): Editor {
  const { text, at } = editor.selected && added !== "" ? EMPTY_EDITOR : editor;
  const room = Math.max(0, max - text.length);
  const part = whole(added.slice(0, room));
  return { text: text.slice(0, at) + part + text.slice(at), at: at + part.length };
}

/** What a key makes of text; undefined: the key means nothing here. */
export function edited(editor: Editor, key: string, max: number): Editor | undefined {
  const { text, at } = editor;
  switch (key) {
    case "left":
    case "ctrl-b":
      return { text, at: before(text, at) };
    case "right":
    case "ctrl-f":
      return { text, at: after(text, at) };
    case "home":
    case "ctrl-a":
      return { text, at: 0 };
    case "end":
    case "ctrl-e":
      return { text, at: text.length };
    case "backspace":
    case "ctrl-h":
      return cut(editor, before(text, at), at);
    case "delete":
      return editor.selected ? EMPTY_EDITOR : cut(editor, at, after(text, at));
    case "ctrl-u":
      return cut(editor, 0, at);
    case "ctrl-k":
      return cut(editor, at, text.length);
    case "ctrl-w":
      return cut(editor, text.slice(0, at).replace(/\S+\s*$/, "").length, at);
    default:
      return [...key].length === 1 ? inserted(editor, key, max) : undefined;
  }
}

function cut({ text }: Editor, from: number, to: number): Editor {
  return { text: text.slice(0, from) + text.slice(to), at: from };
}

function before(text: string, at: number): number {
  return at - ([...text.slice(0, at)].at(-1)?.length ?? 0);
}

function after(text: string, at: number): number {
  return at + ([...text.slice(at)][0]?.length ?? 0);
}

/** Without half a surrogate pair at the end. */
function whole(text: string): string {
  return /[\ud800-\udbff]$/.test(text) ? text.slice(0, -1) : text;
}
