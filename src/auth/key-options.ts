import type { KeyOptions } from "../store/types.ts";
import { nameOf, networkProblem, parseNetwork } from "./addresses.ts";
import { LAST_EXPIRY, MAX_FROM } from "./login-limits-text.ts";

/** Options in front of a key that are not honoured here. The message names the option. */
export class KeyOptionError extends Error {
  override readonly name = "KeyOptionError";
}

/** A key without options. */
export const NO_OPTIONS: KeyOptions = {
  text: "",
  from: null,
  expiresAt: null,
  pty: true,
  touch: true,
  verify: false,
};

type Draft = { -readonly [F in keyof KeyOptions]: KeyOptions[F] };

/** What takes away what nobody gets here: honoured by nature. */
const TAKE_NOTHING: ReadonlySet<string> = new Set([
  "no-agent-forwarding",
  "no-port-forwarding",
  "no-user-rc",
  "no-x11-forwarding",
]);

const FORWARDS_NOTHING = "nothing is forwarded here";

/** What a key's line can't have, and why. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["agent-forwarding", FORWARDS_NOTHING],
  ["cert-authority", "`moorage ca add` takes the keys of certificate authorities"],
  ["command", "no command can be forced"],
  ["environment", "sessions have no environment"],
  ["permitlisten", FORWARDS_NOTHING],
  ["permitopen", FORWARDS_NOTHING],
  ["port-forwarding", FORWARDS_NOTHING],
  ["principals", "a certificate is for the users that it names"],
  ["tunnel", FORWARDS_NOTHING],
  ["user-rc", "no file of a user is run"],
  ["x11-forwarding", FORWARDS_NOTHING],
]);

const FLAGS: ReadonlyMap<string, "pty" | "touch" | "verify"> = new Map([
  ["pty", "pty"],
  ["touch-required", "touch"],
  ["verify-required", "verify"],
] as const);

/** Of these only the one form exists. */
const NO_SUCH_FLAG: ReadonlySet<string> = new Set(["touch-required", "no-verify-required"]);

const ONE_OPTION = /^([A-Za-z0-9@._-]{1,64})(="((?:[^"\\]|\\.)*)")?/;

/**
 * The options that a line begins with, and what comes behind them: `from="192.0.2.0/24",no-pty ssh-…`.
 * Names are the same in capitals, as for OpenSSH.
 * @throws KeyOptionError for what is none, and for what would not be honoured
 */
export function takeOptions(line: string): { readonly options: KeyOptions; readonly rest: string } {
  const draft: Draft = { ...NO_OPTIONS };
  const texts: string[] = [];
  let rest = line;
  for (;;) {
    const [whole, given = "", assigned, value] = ONE_OPTION.exec(rest) ?? [];
    if (whole === undefined) throw new KeyOptionError("text before the key type is no key option");
    apply(draft, given, assigned === undefined ? undefined : unquoted(value ?? ""));
    texts.push(whole);
    rest = rest.slice(whole.length);
    if (!rest.startsWith(",")) break;
    rest = rest.slice(1);
  }
  if (!/^\s/.test(rest)) throw new KeyOptionError(`the key option ${nameIn(texts)} is malformed`);
  return { options: { ...draft, text: texts.join(",") }, rest: rest.trim() };
}

/** What makes sense for tokens only. @throws KeyOptionError */
export function checkForKey({ touch, verify }: KeyOptions, isToken: boolean): void {
  if (isToken || (touch && !verify)) return;
  const name = verify ? "verify-required" : "no-touch-required";
  throw new KeyOptionError(`the key option ${name} is for security keys (sk-) only`);
}

function nameIn(texts: readonly string[]): string {
  return texts.at(-1)?.split("=")[0] ?? "";
}

function unquoted(value: string): string {
  return value.replace(/\\"/g, '"');
}

function apply(draft: Draft, given: string, value: string | undefined): void {
  const name = given.toLowerCase();
  const why = REFUSED.get(name);
  if (why !== undefined)
    throw new KeyOptionError(`the key option ${given} is not possible: ${why}`);
  if (name === "from" || name === "expiry-time") {
    applyValue(draft, name, value);
    return;
  }
  if (!applyFlag(draft, name)) {
    throw new KeyOptionError(`the key option ${given} is not known here: remove it`);
  }
  if (value !== undefined) throw new KeyOptionError(`the key option ${given} has no value`);
}

function applyFlag(draft: Draft, name: string): boolean {
  if (TAKE_NOTHING.has(name)) return true;
  if (name === "restrict") {
    draft.pty = false;
    return true;
  }
  const field = FLAGS.get(name.replace(/^no-/, ""));
  if (field === undefined || NO_SUCH_FLAG.has(name)) return false;
  draft[field] = !name.startsWith("no-");
  return true;
}

function applyValue(draft: Draft, name: "from" | "expiry-time", value: string | undefined): void {
  if (value === undefined)
    throw new KeyOptionError(`the key option ${name} needs a value in quotes`);
  if (name === "from") {
    // Which of two counts is not for us to guess.
    if (draft.from !== null) throw new KeyOptionError("the key option from is there twice");
    draft.from = networksIn(value);
    return;
  }
  // As OpenSSH: of several the first to come.
  draft.expiresAt = Math.min(draft.expiresAt ?? Number.POSITIVE_INFINITY, timeIn(value));
}

/** Canonical. Host names, patterns and exceptions of OpenSSH's are none of ours. */
function networksIn(value: string): readonly string[] {
  const names = value.split(",").map((text) => {
    const given = text.trim();
    const problem = networkProblem(given);
    const network = parseNetwork(given);
    if (problem === undefined && network !== undefined) return nameOf(network);
    throw new KeyOptionError(
      `the key option from: ${problem} (names, wildcards and "!" are not possible)`,
    );
  });
  if (names.length <= MAX_FROM) return [...new Set(names)];
  throw new KeyOptionError(`the key option from has more than ${MAX_FROM} networks`);
}

const TIME = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z|UTC)?$/i;

/** "YYYYMMDD[Z]" or "YYYYMMDDHHMM[SS][Z]": with a Z by UTC, else in local time. */
function timeIn(value: string): number {
  const [whole, year = "", ...parts] = TIME.exec(value.trim()) ?? [];
  const zone = parts.pop();
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map((part) =>
    Number(part ?? 0),
  );
  const wanted = [month, day, hour, minute, second];
  const isUtc = zone !== undefined;
  const date = whole === undefined ? undefined : dateOf(Number(year), wanted, isUtc);
  if (date !== undefined && date <= LAST_EXPIRY) return date;
  throw new KeyOptionError(
    'the key option expiry-time: give a time such as "20271231", "202712312359" or "202712312359Z"',
  );
}

/** Undefined where there is no such time, such as on 31 June. */
function dateOf(year: number, wanted: readonly number[], isUtc: boolean): number | undefined {
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = wanted;
  const fields = [year, month - 1, day, hour, minute, second] as const;
  const [isTime, isDay] = [hour < 24 && minute < 60 && second < 60, month >= 1 && day >= 1];
  const time = isUtc ? Date.UTC(...fields) : new Date(...fields).getTime();
  const date = new Date(time);
  const got = isUtc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const isReal = got.every((part, index) => part === [year, month, day][index]);
  return isTime && isDay && isReal ? time : undefined;
}
