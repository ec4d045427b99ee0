import type { SessionChannel, Terminal } from "../channel.ts";
import type { Session } from "../session/session.ts";
import type { ShellService } from "../shell/serve.ts";
import type { Change } from "../store/types.ts";
import { AdminShell } from "./admin-shell.ts";
import { type AdminServices, isAdmin } from "./services.ts";

/** Screens at once in one process: each takes a thread. */
const MAX_SCREENS = 16;

/** Of one shell among the screens. */
interface ScreenGrant {
  /** the shell is closed */
  isOver: boolean;
}

/** Terminals that can't move their cursor. */
const PLAIN = new Set(["", "dumb", "unknown"]);

/** The admin screens that are open over SSH in this process. */
export class AdminScreens {
  readonly #services: AdminServices;
  readonly #shells = new Set<AdminShell>();
  /** by shell, from when a screen was granted: many may be asked for at once */
  readonly #granted = new Set<ScreenGrant>();

  constructor(services: AdminServices) {
    this.#services = services;
  }

  /** A shell of somebody who logged in as an admin: the screen, or why it is the file shell. */
  serve(session: Session, channel: SessionChannel, terminal: Terminal): ShellService {
    const place: ScreenGrant = { isOver: false };
    const shell = new AdminShell({
      session,
      channel,
      terminal,
      services: this.#services,
      refusal: () => this.#refusal(session, terminal, place),
      forbidden: () => this.#forbidden(session),
      onClose: () => {
        place.isOver = true;
        this.#granted.delete(place);
        this.#shells.delete(shell);
      },
    });
    this.#shells.add(shell);
    return shell;
  }

  /** Ends what the change takes the ground from. */
  apply(change: Change): void {
    for (const shell of [...this.#shells]) shell.apply(change);
  }

  /** Ends the screens that the settings allow no more. */
  review(): void {
    for (const shell of [...this.#shells]) shell.review();
  }

  /** Why there is no screen for this session; undefined when there is one, in that place. */
  async #refusal(
    session: Session,
    { term }: Terminal,
    place: ScreenGrant,
  ): Promise<string | undefined> {
    const forbidden = await this.#forbidden(session);
    if (forbidden !== undefined) return forbidden;
    if (PLAIN.has(term)) return "The admin screen needs a terminal that can move its cursor.";
    if (this.#granted.size >= MAX_SCREENS) return "There are too many admin screens open already.";
    if (!place.isOver) this.#granted.add(place);
    return undefined;
  }

  /** Why the session may have no screen now, however it came to one. */
  async #forbidden(session: Session): Promise<string | undefined> {
    if (!(await isAdmin(this.#services, session.account.id)))
      return "You are not an admin any more.";
    const overSsh = this.#services.overSsh();
    if (overSsh === "off") return "The admin screen is switched off here (admin.over_ssh).";
    if (overSsh === "publickey" && session.method !== "publickey") {
      return "The admin screen needs a login with a public key (admin.over_ssh).";
    }
    return undefined;
  }
}
