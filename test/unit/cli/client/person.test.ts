import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";
import { expect, it } from "vitest";
import { Person } from "../../../../src/cli/client/person.ts";
import { Interrupts } from "../../../../src/cli/client/shell/interrupts.ts";

/** All that was written so far: from Node.js 26 on read() gives one piece at a time. */
function textOn(screen: PassThrough): string {
  const pieces: Buffer[] = [];
  for (let piece = screen.read(); piece !== null; piece = screen.read()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

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
  const shown = textOn(screen);
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
  expect(textOn(screen).match(/What was typed is not UTF-8/g)).toHaveLength(4);
});
