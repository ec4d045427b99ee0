import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";
import { expect, it } from "vitest";
import { Person } from "../../../../src/cli/client/person.ts";
import { Interrupts } from "../../../../src/cli/client/shell/interrupts.ts";

it("what is to be agreed to is shown also where notices are not wanted", async () => {
  const keys = Object.assign(new PassThrough(), { setRawMode: () => {}, isTTY: true });
  const screen = new PassThrough();
  const person = new Person(
    new Interrupts(() => {}),
    () => {},
    () => ({ input: keys as unknown as ReadStream, output: screen }),
  );
  keys.write("yes\r");
  expect(await person.confirm("The host is unknown.\nIts key is SHA256:abc.\nConnect?")).toBe(true);
  person.release();
  const shown = screen.read().toString();
  expect(shown).toContain("The host is unknown.\nIts key is SHA256:abc.\n");
  expect(shown).toContain("Connect? (yes/no) ");
});

it("what is typed in another encoding is asked for again, and never sent", async () => {
  const keys = Object.assign(new PassThrough(), { setRawMode: () => {}, isTTY: true });
  const screen = new PassThrough();
  const person = new Person(
    new Interrupts(() => {}),
    () => {},
    () => ({ input: keys as unknown as ReadStream, output: screen }),
  );
  const latin1 = Buffer.from("gr\u00fc\u00dfe\r", "latin1");
  keys.write(Buffer.concat([latin1, Buffer.from("gr\u00fc\u00dfe\r")]));
  expect(await person.secret("Password: ")).toBe("gr\u00fc\u00dfe");
  keys.write(Buffer.concat([latin1, latin1, latin1]));
  expect(await person.secret("Password: ")).toBeUndefined();
  person.release();
  expect(
    screen
      .read()
      .toString()
      .match(/What was typed is not UTF-8/g),
  ).toHaveLength(4);
});
