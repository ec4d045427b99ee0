import type { Digests } from "../digests/types.ts";
import type { OwnFactor, OwnSession, QuotaUsage, ShellContext } from "../shell/context.ts";

export type { NewOwnFactor, OwnFactor } from "../shell/context.ts";

import { type CommandLimits, CommandSlots } from "../shell/slots.ts";
import type { Account, AuditRecord } from "../store/types.ts";
import { fullnessLines } from "../text/fullness.ts";
import type { NewPasswords } from "../text/new-password.ts";
import type { Turn } from "../turn.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type { Session } from "./session.ts";
import { welcome } from "./unfinished.ts";

/** What commands need besides the user's files and checksums. */
export interface CommandServices {
  /** the server's name in the prompt */
  readonly host: string;
  /** milliseconds since the epoch */
  readonly startedAt: number;
  /** the settings in force */
  limits(): CommandLimits;
  usage(userId: number): Promise<QuotaUsage>;
  /** what was recorded of a user's uploads lately, newest first */
  uploads(user: string): Promise<readonly AuditRecord[]>;
  /** the user's sessions, on all processes */
  sessions(userId: number): Promise<readonly OwnSession[]>;
  /** what a new password of the user has to be */
  newPasswords(user: string): NewPasswords;
  /** undefined when it was changed, else one line that says why not */
  changePassword(user: string, current: string, next: string): Promise<string | undefined>;
  /** the second factor of a session's user */
  totp(session: Pick<Session, "account" | "remote" | "mustEnrol">): OwnFactor;
  /** Somebody in this session does not know its user's password. */
  wrongPassword(user: string, remote: string): void;
}

/** A user's files, and who works in them. */
export interface FilesInUse {
  readonly account: Account;
  readonly files: UserFileSystem;
  readonly digests: Digests;
  /** share of the event loop of the one who works in them */
  readonly turn: Turn;
}

/** What changePassword says of a wrong current one. */
export const WRONG_PASSWORD = "that is not your current password";

/** For who logged in by key: by password it would have been asked for. */
const MUST_CHANGE = "Your password has to be changed: `passwd` does that.";

/** Guesses at the current password that end a session: it may not be its user's hands. */
const MAX_GUESSES = 3;

/** Commands and shells of all sessions of this process. */
export class Commands {
  readonly #services: CommandServices;
  readonly #slots: CommandSlots;
  readonly #guesses = new WeakMap<Session, number>();

  constructor(services: CommandServices) {
    this.#services = services;
    this.#slots = new CommandSlots(() => services.limits());
  }

  /** A session as its commands and shells see it. */
  contextOf(session: Session): ShellContext {
    const context = this.contextFor(session);
    return {
      ...context,
      totp: this.#services.totp(session),
      welcome: async () => [
        ...(session.account.passwordChange ? [MUST_CHANGE] : []),
        ...((await context.welcome?.()) ?? []),
      ],
      newPasswords: this.#services.newPasswords(session.account.name),
      changePassword: (current, next) => this.#changePassword(session, current, next),
    };
  }

  /** A user's files for somebody else, who can't change the password there. */
  contextFor({ account, files: fs, digests, turn }: FilesInUse): ShellContext {
    const { id, name } = account;
    const services = this.#services;
    return {
      fs,
      user: name,
      host: services.host,
      startedAt: services.startedAt,
      digests,
      turn,
      usage: () => services.usage(id),
      sessions: () => services.sessions(id),
      welcome: async () => [
        ...fullnessLines("Your home", await services.usage(id)),
        ...(await welcome(await services.uploads(name), fs)),
      ],
      changePassword: async () => "only the user's own sessions can do that",
      enter: (signal) => this.#slots.enter(id, signal),
    };
  }

  async #changePassword(session: Session, current: string, next: string) {
    const { name } = session.account;
    const guesses = (): number => this.#guesses.get(session) ?? 0;
    // Counted before it is checked: several may be under way.
    if (guesses() >= MAX_GUESSES) return WRONG_PASSWORD;
    this.#guesses.set(session, guesses() + 1);
    const refusal = await this.#services.changePassword(name, current, next);
    if (refusal === WRONG_PASSWORD) {
      this.#services.wrongPassword(name, session.remote);
      if (guesses() >= MAX_GUESSES) session.end("Too many wrong passwords");
    } else this.#guesses.set(session, guesses() - 1);
    return refusal;
  }
}
