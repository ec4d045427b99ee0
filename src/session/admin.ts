import type { PtySize } from "../shell/pty.ts";
import type { ShellService } from "../shell/serve.ts";
import type { Change } from "../store/types.ts";
import { type AdminServices, isAdmin } from "./admin-services.ts";
import { AdminShell } from "./admin-shell.ts";
import type { SessionChannel } from "./routes.ts";
import type { Session } from "./session.ts";

/** The terminal a client asked for (RFC 4254 section 6.2). */
export interface Terminal extends PtySize {
  /** TERM, as the client gave it */
  readonly term: string;
  /** false: the client sent NO_COLOR */
  readonly colour: boolean;
}

/** Screens at once in one process: each takes a thread. */
const MAX_SCREENS = 16;

/** Terminals that can't move their cursor. */
const PLAIN = new Set(["", "dumb", "unknown"]);

/** The admin screens that are open over SSH in this process. */
export class AdminScreens {
  readonly #services: AdminServices;
  readonly #shells = new Set<AdminShell>();

  constructor(services: AdminServices) {
    this.#services = services;
  }

  /** A shell of somebody who logged in as an admin: the screen, or why it is the file shell. */
  serve(session: Session, channel: SessionChannel, terminal: Terminal): ShellService {
    const shell = new AdminShell({
      session,
      channel,
      terminal,
      services: this.#services,
      refusal: () => this.#refusal(session, terminal),
      onClose: () => void this.#shells.delete(shell),
    });
    this.#shells.add(shell);
    return shell;
  }

  /** Ends what the change takes the ground from. */
  apply(change: Change): void {
    for (const shell of [...this.#shells]) shell.apply(change);
  }

  /** Why there is no screen for this session; undefined when there is one. */
  async #refusal(session: Session, { term }: Terminal): Promise<string | undefined> {
    const overSsh = this.#services.overSsh();
    if (!(await isAdmin(this.#services, session.account.id)))
      return "You are not an admin any more.";
    if (overSsh === "off") return "The admin screen is switched off here (admin.over_ssh).";
    if (overSsh === "publickey" && session.method !== "publickey") {
      return "The admin screen needs a login with a public key (admin.over_ssh).";
    }
    if (PLAIN.has(term)) return "The admin screen needs a terminal that can move its cursor.";
    const screens = [...this.#shells].filter((shell) => shell.hasScreen).length;
    if (screens >= MAX_SCREENS) return "There are too many admin screens open already.";
    return undefined;
  }
}
