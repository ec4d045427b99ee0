import { createHash, randomBytes, randomInt } from "node:crypto";

/** Seconds that a code is for (RFC 6238 section 4.1). */
const PERIOD = 30;
/** RFC 4226 section 4 recommends so long a secret. */
const SECRET_BYTES = 20;
/** Clocks may differ by so many steps. */
const DRIFT = 1;

const RECOVERY_CODES = 10;
/** Lower case and digits without those that look alike (0 o, 1 i l). */
const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const CODE_GROUPS = 4;
const GROUP_LENGTH = 5;
const RECOVERY_CODE = new RegExp(`^[${ALPHABET}]{${CODE_GROUPS * GROUP_LENGTH}}$`);

/** What authenticator programs show above the code. */
const ISSUER = "Moorage";

export function newSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** Loaded where a code is looked at: most starts of the program need none. */
async function generatorOf(secret: Buffer, label = "") {
  const { Secret, TOTP } = await import("otpauth");
  const bytes = Uint8Array.from(secret);
  return new TOTP({
    issuer: ISSUER,
    label,
    algorithm: "SHA1",
    digits: 6,
    period: PERIOD,
    secret: new Secret({ buffer: bytes.buffer }),
  });
}

/** What a person types into an authenticator program, in groups of four (base32), and its URI. */
export async function readable(secret: Buffer, user: string, host: string) {
  const generator = await generatorOf(secret, `${user}@${host}`);
  const groups = generator.secret.base32.match(/.{1,4}/g) ?? [];
  return { secret: groups.join(" "), uri: generator.toString() };
}

/** A code of an authenticator program, as people type it: spaces within are theirs. */
export function digitsIn(typed: string): string | undefined {
  const plain = typed.replace(/\s/g, "");
  return /^\d{6}$/.test(plain) ? plain : undefined;
}

/**
 * The time step that the code is of; undefined when it is of none near `now`.
 * @param now milliseconds since the epoch
 */
export async function stepOf(
  secret: Buffer,
  digits: string,
  now: number,
): Promise<number | undefined> {
  const generator = await generatorOf(secret);
  const delta = generator.validate({ token: digits, timestamp: now, window: DRIFT });
  return delta === null ? undefined : Math.floor(now / 1_000 / PERIOD) + delta;
}

/** Ten codes for the day the phone is lost: four groups of five, 99 bits each. */
export function newRecoveryCodes(): string[] {
  const letter = () => ALPHABET[randomInt(ALPHABET.length)];
  const group = () => Array.from({ length: GROUP_LENGTH }, letter).join("");
  const code = () => Array.from({ length: CODE_GROUPS }, group).join("-");
  return Array.from({ length: RECOVERY_CODES }, code);
}

/** A recovery code as it is hashed; undefined for what can be none. */
export function recoveryCodeIn(typed: string): string | undefined {
  const plain = typed.toLowerCase().replace(/[\s-]/g, "");
  return RECOVERY_CODE.test(plain) ? plain : undefined;
}

/** The codes are random and long: nobody finds one by its hash, however quick that is. */
export function recoveryHash(code: string): Buffer {
  return createHash("sha256").update(code.replace(/-/g, "")).digest();
}

/** White on black: readers want the light parts light, whatever the terminal's own colours are. */
const COLOURS = "\x1b[97;40m";
const PLAIN = "\x1b[0m";

/** The text as a QR code for a terminal, lines with "\n". */
export async function qrCode(text: string): Promise<string> {
  const { renderUnicodeCompact } = await import("uqr");
  const lines = renderUnicodeCompact(text, { border: 2 }).split("\n");
  return lines.map((line) => `${COLOURS}${line}${PLAIN}\n`).join("");
}
