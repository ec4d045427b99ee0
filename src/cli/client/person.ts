import { constants, openSync } from "node:fs";
import { ReadStream, WriteStream } from "node:tty";
import type { Prompts } from "../../client/types.ts";
import { visible, visibleLines } from "../../text/safe.ts";
import { isUnambiguous } from "../../text/utf8.ts";
import type { Interrupts } from "./shell/interrupts.ts";
import { Keyboard } from "./shell/keyboard.ts";

export interface Desk {
  readonly input: ReadStream;
  readonly output: NodeJS.WritableStream;
}

/** Where a person can be asked: this process's terminal, else the one it was started from. */
export function openDesk(): Desk | undefined {
  const { stdin, stdout, stderr } = process;
  const screen = [stderr, stdout].find((stream) => stream.isTTY);
  if (stdin.isTTY && screen !== undefined) return { input: stdin, output: screen };
  try {
    const descriptor = openSync("/dev/tty", constants.O_RDWR | constants.O_NOCTTY);
    return { input: new ReadStream(descriptor), output: screen ?? new WriteStream(descriptor) };
  } catch {
    // None at all: a service, a cron job.
    return undefined;
  }
}

const TRIES = 3;

/** Asks on a terminal, which is taken at the first question and given back by `release`. */
export class Person implements Prompts {
  /** one safe line for the person */
  say: (line: string) => void;
  readonly #interrupts: Interrupts;
  readonly #openDesk: () => Desk | undefined;
  #keyboard: Keyboard | undefined;

  constructor(
    interrupts: Interrupts,
    say: (line: string) => void,
    open: () => Desk | undefined = openDesk,
  ) {
    this.#interrupts = interrupts;
    this.say = say;
    this.#openDesk = open;
  }

  /** @returns undefined when there is nobody to ask */
  keyboard(): Keyboard | undefined {
    if (this.#keyboard !== undefined) return this.#keyboard;
    const desk = this.#openDesk();
    if (desk === undefined) return undefined;
    this.#keyboard = new Keyboard(desk.input, desk.output);
    this.#keyboard.onInterrupt = () => this.#interrupts.interrupt();
    return this.#keyboard;
  }

  get canAsk(): boolean {
    return this.keyboard() !== undefined;
  }

  /** Asks again for what is not UTF-8, three times at most: it would be sent as something else. */
  async secret(prompt: string): Promise<string | undefined> {
    const keyboard = this.keyboard();
    for (let tries = 0; tries < TRIES; tries += 1) {
      const answer = await keyboard?.line(visible(prompt), { echo: false });
      if (answer === undefined || isUnambiguous(answer)) return answer;
      keyboard?.show("What was typed is not UTF-8: set the terminal to UTF-8.");
    }
    return undefined;
  }

  async confirm(question: string): Promise<boolean> {
    const keyboard = this.keyboard();
    if (keyboard === undefined) return false;
    const lines = visibleLines(question);
    // Shown even where notices are not wanted: a person can only agree to a text they have seen.
    for (const line of lines.slice(0, -1)) keyboard.show(line);
    for (;;) {
      const answer = await keyboard.line(`${lines.at(-1) ?? ""} (yes/no) `);
      if (answer === undefined || /^\s*no?\s*$/i.test(answer)) return false;
      // In full, as with ssh: this is not to be agreed to by habit.
      if (/^\s*yes\s*$/i.test(answer)) return true;
      keyboard.show("Please type yes or no.");
    }
  }

  notice(text: string): void {
    for (const line of visibleLines(text)) this.say(line);
  }

  release(): void {
    this.#keyboard?.close();
    this.#keyboard = undefined;
  }
}
