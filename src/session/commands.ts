import type { Digests } from "../digests/types.ts";
import type { OwnSession, QuotaUsage, ShellContext } from "../shell/context.ts";
import { CommandSlots } from "../shell/slots.ts";
import type { Account } from "../store/types.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import { AdminScreens } from "./admin.ts";
import type { AdminServices } from "./admin-services.ts";
import type { Session } from "./session.ts";

/** What commands need besides the user's files and checksums. */
export interface CommandServices {
  /** the server's name in the prompt */
  readonly host: string;
  /** milliseconds since the epoch */
  readonly startedAt: number;
  usage(userId: number): Promise<QuotaUsage>;
  /** the user's sessions, on all processes */
  sessions(userId: number): Promise<readonly OwnSession[]>;
  /** undefined when it was changed, else one line that says why not */
  changePassword(user: string, current: string, next: string): Promise<string | undefined>;
  /** absent: nobody gets an admin screen */
  readonly admin?: AdminServices;
  /** Somebody in this session does not know its user's password. */
  wrongPassword(user: string, remote: string): void;
}

/** What changePassword says of a wrong current one. */
export const WRONG_PASSWORD = "that is not your current password";

/** Guesses at the current password that end a session: it may not be its user's hands. */
const MAX_GUESSES = 3;

/** Command lines of one user at once, in this process, and how many more may wait. */
const RUNNING = 8;
const WAITING = 64;

/** Commands and shells of all sessions of this process. */
export class Commands {
  /** for shells of admins */
  readonly admin: AdminScreens | undefined;
  readonly #services: CommandServices;
  readonly #slots = new CommandSlots(RUNNING, WAITING);
  readonly #guesses = new WeakMap<Session, number>();

  constructor(services: CommandServices) {
    this.#services = services;
    this.admin = services.admin && new AdminScreens(services.admin);
  }

  /** A session as its commands and shells see it. */
  contextOf(session: Session): ShellContext {
    return {
      ...this.contextFor(session.account, session.files, session.digests),
      changePassword: (current, next) => this.#changePassword(session, current, next),
    };
  }

  /** A user's files for somebody else, who can't change the password there. */
  contextFor({ id, name }: Account, fs: UserFileSystem, digests: Digests): ShellContext {
    const services = this.#services;
    return {
      fs,
      user: name,
      host: services.host,
      startedAt: services.startedAt,
      digests,
      usage: () => services.usage(id),
      sessions: () => services.sessions(id),
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
