import { type Command, InvalidArgumentError, Option } from "commander";
import {
  LimitError,
  parseAuth,
  parseExpiry,
  parseFrom,
  parseMaxSessions,
  parseRequire,
  parseTransferRate,
  parseTrashKeep,
} from "../auth/login-limits-text.ts";
import type { LoginFactor, LoginLimits, LoginMethod } from "../store/types.ts";

/** Commander makes an empty text of null. */
const UNLIMITED = "unlimited";

type Given<T> = T | typeof UNLIMITED;

/** The limits of logins as commander gives them; absent: not said. */
export interface LimitOptions {
  readonly expires?: Given<number>;
  readonly from?: Given<readonly string[]>;
  readonly auth?: Given<readonly LoginMethod[]>;
  readonly maxSessions?: Given<number>;
  readonly uploadRate?: Given<number>;
  readonly downloadRate?: Given<number>;
  readonly trashKeep?: Given<number> | undefined;
  readonly require?: Given<readonly LoginFactor[]>;
}

/** Adds the options that {@link givenLimits} takes. */
export function addLimitOptions(command: Command): Command {
  return command
    .addOption(
      limit(
        "--expires <date>",
        "the last day of logins: 2026-12-31, or 30d from now; or `none`",
        (text) => parseExpiry(text, Date.now()),
      ),
    )
    .addOption(
      limit(
        "--from <networks>",
        "where logins may come from: 192.0.2.7,2001:db8::/32; or `any`",
        parseFrom,
      ),
    )
    .addOption(
      limit(
        "--auth <methods>",
        "how to log in: `key`, `password`, both with a comma; or `any`",
        parseAuth,
      ),
    )
    .addOption(
      limit(
        "--max-sessions <n>",
        "sessions at once; `none`: as many as the settings say",
        parseMaxSessions,
      ),
    )
    .addOption(
      limit(
        "--upload-rate <rate>",
        "of all sessions together, such as 10MB/s; or `none`",
        parseTransferRate,
      ),
    )
    .addOption(
      limit("--download-rate <rate>", "the same for downloads; or `none`", parseTransferRate),
    )
    .addOption(trashKeepOption())
    .addOption(
      limit(
        "--require <factor>",
        "`totp`: a code at each login; `none`: as the settings say",
        parseRequire,
      ),
    );
}

export function trashKeepOption(): Option {
  const description = "how long removed files stay: 30d, or `off`; `none`: as the settings say";
  return limit("--trash-keep <time>", description, parseTrashKeep);
}

function limit(flags: string, description: string, parse: (text: string) => unknown): Option {
  return new Option(flags, description).argParser((text) => {
    try {
      return parse(text) ?? UNLIMITED;
    } catch (thrown) {
      if (!(thrown instanceof LimitError)) throw thrown;
      throw new InvalidArgumentError(sentence(thrown.message));
    }
  });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export function givenLimits(options: LimitOptions): Partial<LoginLimits> {
  const { expires, from, auth, maxSessions, uploadRate, downloadRate, trashKeep, require } =
    options;
  return {
    ...(expires !== undefined && { expiresAt: orNull(expires) }),
    ...(from !== undefined && { from: orNull(from) }),
    ...(auth !== undefined && { auth: orNull(auth) }),
    ...(maxSessions !== undefined && { maxSessions: orNull(maxSessions) }),
    ...(uploadRate !== undefined && { uploadRate: orNull(uploadRate) }),
    ...(downloadRate !== undefined && { downloadRate: orNull(downloadRate) }),
    ...(trashKeep !== undefined && { trashKeep: orNull(trashKeep) }),
    ...(require !== undefined && { require: orNull(require) }),
  };
}

function orNull<T>(given: Given<T>): T | null {
  return given === UNLIMITED ? null : given;
}
