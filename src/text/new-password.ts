// Asks for a new password. The command line and the shell both do it by this, in the same words.

/** What a new password has to be. */
export interface NewPasswords {
  /** told before anybody types, as "at least 8 characters" */
  readonly rule: string;
  /** resolves with why the password can't be taken, or with undefined when it can */
  refusal(password: string): Promise<string | undefined>;
}

/** The person who types. */
export interface Desk {
  /** asks a question, and does not show what is typed */
  ask(prompt: string): Promise<string>;
  /** shows a line between the questions */
  say(line: string): void | Promise<void>;
}

/** How many new passwords may be refused before the command gives up. */
const TRIES = 3;

/** Tells the person who is about to type a password what it has to be. */
export function ruleLine({ rule }: NewPasswords): string {
  return `The password has ${rule}.`;
}

/**
 * Asks for a new password, twice for the same one. When it is refused, asks for another one.
 * @returns the password, or what was wrong with the last one when none could be taken
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

/** Skips the second typing of a password that can't be taken anyway. */
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
