import { beforeEach, describe, expect, it } from "vitest";
import type { Field, FormDialog } from "../../../admin/model.ts";
import { draw } from "../../../admin/views/screen.ts";
import { FakeControl } from "../../support/fake-control.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { styledText } from "../../support/styled.ts";
import { Bench } from "./bench.ts";

// What a field holds is selected when the field gets the focus: typing replaces it.

let control: FakeControl;

beforeEach(() => {
  control = new FakeControl();
  fillTeam(control);
});

function users(): Bench {
  return new Bench().feed(control).view("users").feed(control);
}

function form({ model }: Bench): FormDialog {
  const dialog = model.dialogs.at(-1);
  if (dialog?.kind !== "form") throw new Error("no form is open");
  return dialog;
}

function field(bench: Bench, name: string): Field {
  const found = form(bench).fields.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no field ${name}`);
  return found;
}

function selected(bench: Bench): readonly string[] {
  return form(bench)
    .fields.filter(({ editor }) => editor.selected)
    .map(({ name }) => name);
}

describe("a form's value", () => {
  it("is selected in the first field, then in the one that the focus goes to", () => {
    const bench = users().keys("e");
    expect(selected(bench)).toEqual(["quota"]);
    expect(selected(bench.keys("tab"))).toEqual(["files"]);
    expect(selected(bench.keys("up"))).toEqual(["quota"]);
    // A choice is not typed.
    expect(selected(bench.keys("tab", "tab"))).toEqual([]);
  });

  it("is replaced by the first key, to which the next ones are added", () => {
    const bench = users().keys("e", "tab").type("2500");
    expect(field(bench, "files").editor.text).toBe("2500");
  });

  it("is replaced by a paste", () => {
    const bench = users().keys("e", "tab").send({ type: "paste", text: "77" });
    expect(field(bench, "files").editor.text).toBe("77");
  });

  it.each(["end", "right", "ctrl-e"])("is kept by %s, and typing adds to it", (key) => {
    const bench = users().keys("e", "tab");
    const before = field(bench, "files").editor.text;
    expect(before).not.toBe("");
    expect(field(bench.keys(key).type("x"), "files").editor.text).toBe(`${before}x`);
  });

  it("is kept by a click into it, and by a second one", () => {
    const bench = users().keys("e");
    const at = form(bench).fields.findIndex(({ name }) => name === "quota");
    bench.send({ type: "target", target: { kind: "field", index: at } });
    expect(selected(bench)).toEqual([]);
    const before = field(bench, "quota").editor.text;
    expect(field(bench.type("x"), "quota").editor.text).toBe(`${before}x`);
    bench.send({ type: "target", target: { kind: "field", index: at + 1 } });
    expect(selected(bench)).toEqual([]);
  });

  it("is what is sent when nothing was typed", async () => {
    const role = control.user("user00000").role === "admin" ? "user" : "admin";
    await users().keys("e", "tab", "tab", "right", "enter").settle(control);
    const sent = control.calls.find(({ method }) => method === "users.set");
    expect(sent?.params).toEqual({ name: "user00000", role });
  });

  it("is seen to be selected without colours, too, apart from the cursor", () => {
    const bench = users().keys("e", "tab");
    const { text } = field(bench, "files").editor;
    const styles = (colour: boolean) => {
      const lines = styledText(draw(bench.model), colour).split("\n");
      const at = lines.findIndex((line) => line.includes("› Most files"));
      return (lines[at + 1] ?? "").slice((lines[at] ?? "").indexOf(text)).trimEnd();
    };
    expect(styles(true)).toMatch(new RegExp(`^x{${text.length}}_+$`));
    expect(styles(false)).toBe(styles(true));
    bench.keys("end");
    expect(styles(true)).toMatch(new RegExp(`^_{${text.length}}x_*$`));
  });
});

it("of a filter that is there, typing makes another one, and End goes on with it", () => {
  const bench = users().keys("/").type("0042").keys("enter", "/");
  expect(bench.type("7").model.users.filter).toBe("7");
  bench.keys("enter", "/", "end").type("1");
  expect(bench.model.users.filter).toBe("71");
});
