/** Asking for a new password: the command line and the shell do it alike, in the same words. */

/** What a new password is held against. */
export interface NewPasswords {
  /** told before anybody types: "at least 8 characters" */
  readonly rule: string;
  /** why it can't be taken; undefined when it can */
  refusal(password: string): Promise<string | undefined>;
}

/** The person who types. */
export interface Desk {
  /** the answer is not shown */
  ask(prompt: string): Promise<string>;
  /** a line beside the prompts */
  say(line: string): void | Promise<void>;
}

/** New passwords that may be refused, one after the other. */
const TRIES = 3;

/** What a password must be, for who is to type one. */
export function ruleLine({ rule }: NewPasswords): string {
  return `The password has ${rule}.`;
}

/**
 * Asks for a new password twice, and again when it is refused. @returns what was wrong with the last
 * one, where none could be taken
 */
export async function typedPassword(
  desk: Desk,
  passwords: NewPasswords,
): Promise<{ readonly password: string } | { readonly problem: string }> {
  for (let tries = 1; ; tries += 1) {
    const { password, problem } = await askTwice(desk, passwords);
    if (problem === undefined) return { password };
    if (tries === TRIES) return { problem: `${problem}; nothing was changed` };
    await desk.say(`Not taken: ${problem}`);
  }
}

/** One that can't be taken is not asked for again. */
async function askTwice(
  { ask }: Desk,
  { refusal }: NewPasswords,
): Promise<{ readonly password: string; readonly problem?: string }> {
  const password = await ask("New password: ");
  const problem = await refusal(password);
  if (problem !== undefined) return { password, problem };
  if ((await ask("The same again: ")) === password) return { password };
  return { password, problem: "the two passwords are not the same" };
}
