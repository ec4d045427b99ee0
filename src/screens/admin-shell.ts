import type { PtySize, SessionChannel, Terminal } from "../channel.ts";
import { errorName, InstanceError } from "../errors.ts";
import type { Session } from "../session/session.ts";
import { Chunks } from "../shell/chunks.ts";
import type { ShellContext } from "../shell/context.ts";
import type { ShellService } from "../shell/serve.ts";
import type { Change } from "../store/types.ts";
import { NoShell, openUser } from "./connect.ts";
import { FileShell } from "./file-shell.ts";
import { Screen } from "./screen.ts";
import { type AdminServices, actorOf } from "./services.ts";

export interface AdminShellOptions {
  readonly session: Session;
  readonly channel: SessionChannel;
  readonly terminal: Terminal;
  readonly services: AdminServices;
  /** why it can't be the screen; asked once */
  readonly refusal: () => Promise<string | undefined>;
  /** why there may be no screen, asked again and again */
  readonly forbidden: () => Promise<string | undefined>;
  /** the screen or file shell is over */
  readonly onClose: () => void;
}

/** What is drawn at most, whatever the client says of its window. */
const LARGEST: PtySize = { columns: 500, rows: 200 };
const USUAL: PtySize = { columns: 80, rows: 24 };

/** Exit codes as of a program that a signal ends, and of one that fails. */
const HANGUP = 129;
const FAILED = 1;

const ENDING_SIGNALS: ReadonlySet<string> = new Set(["HUP", "INT", "QUIT", "TERM"]);

/** An admin's shell at a terminal: the admin screen, and from there the file shells of users. */
export class AdminShell implements ShellService {
  readonly #options: AdminShellOptions;
  readonly #channel: SessionChannel;
  readonly #starting: Promise<void>;
  #size: PtySize;
  /** takes the client's input; undefined: the input waits, and the client gets no credit for it */
  #input: ((chunk: Buffer) => void) | undefined;
  readonly #held = new Chunks();
  #eof = false;
  #screen: Screen | undefined;
  /** a user's instead of the screen, or the admin's own where there is none */
  #shell: FileShell | undefined;
  /** opens a user's files, and ends with them */
  #connecting: Promise<void> | undefined;
  /** whose the file shell is, where it is another's */
  #userId: number | undefined;
  #over = false;

  constructor(options: AdminShellOptions) {
    const { channel, terminal } = options;
    this.#options = options;
    this.#channel = channel;
    this.#size = drawable(terminal);
    channel.onData = (chunk) => {
      if (this.#input === undefined) this.#held.push(chunk);
      else this.#input(chunk);
    };
    channel.onEnd = () => this.#ended();
    channel.onDrain = () => this.#shell?.drained();
    channel.onClose = () => this.#stop();
    this.#starting = this.#start().catch((error: unknown) => this.#fail(error));
  }

  /** True while the admin screen, or a user's file shell opened from it, is there. */
  get #hasScreen(): boolean {
    return this.#screen !== undefined && !this.#over;
  }

  async close(): Promise<void> {
    this.#stop();
    await this.#starting;
    await Promise.all([this.#screen?.close(), this.#shell?.close(), this.#connecting]);
  }

  resize(size: PtySize): void {
    this.#size = drawable(size);
    this.#shell?.resize(this.#size);
    this.#screen?.resize(this.#size);
  }

  signal(name: string): void {
    if (this.#shell !== undefined) this.#shell.signal(name);
    else if (ENDING_SIGNALS.has(name)) this.#finish(HANGUP);
  }

  /** Draws nothing more, and gives the client its terminal back; true when that had to be sent. */
  leaveTerminal(): boolean {
    const sent = this.#restore();
    this.#stop();
    return sent;
  }

  /** Whether a user's file shell moved bytes. @param elapsed milliseconds since the last call */
  sample(elapsed: number): boolean {
    return this.#shell?.sample(elapsed) ?? false;
  }

  apply({ kind, userId }: Change): void {
    const gone = kind === "user-disabled" || kind === "user-removed";
    if (gone && userId === this.#userId) this.#endShell();
    const { session } = this.#options;
    if (kind === "user-set" && userId === session.account.id) this.review();
  }

  /** Ends the screen when there may be none any more. */
  review(): void {
    if (!this.#hasScreen) return;
    this.#options.forbidden().then(
      (why) => {
        if (why !== undefined) this.#finish(FAILED, why);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  async #start(): Promise<void> {
    const refusal = await this.#options.refusal();
    if (this.#over) return;
    if (refusal === undefined) this.#openScreen();
    else this.#openOwnFiles(refusal);
  }

  #openOwnFiles(refusal: string): void {
    const { services, session } = this.#options;
    const context = { ...services.contextOf(session), welcome: async () => [refusal] };
    this.#shell = this.#fileShell(context, (status) => this.#finish(status));
    this.#passTo(this.#shell);
    if (this.#eof) this.#shell.endInput();
  }

  #openScreen(): void {
    const { forbidden, services, session, terminal } = this.#options;
    const who = actorOf(session);
    this.#screen = new Screen({
      program: services.program,
      start: { ...this.#size, term: harmless(terminal.term), colour: terminal.colour, who },
      control: services.control(who),
      allowed: async () => (await forbidden()) === undefined,
      terminal: this.#channel,
      onShell: (user) => {
        this.#connecting = this.#connect(user);
      },
      onEnd: (error) => {
        if (error === undefined) this.#finish(0);
        else this.#fail(error);
      },
      onError: (error) => this.#log(error),
    });
    this.#passTo(this.#screen);
    if (this.#eof) this.#finish(HANGUP);
  }

  /** Shows a user's file shell until it is left. */
  async #connect(name: string): Promise<void> {
    this.#input = undefined;
    let problem: string | undefined;
    try {
      await this.#runShellOf(name);
    } catch (error) {
      const isForAdmins = error instanceof NoShell || error instanceof InstanceError;
      problem = isForAdmins ? error.message : "the file shell could not be opened";
      if (!(error instanceof NoShell)) this.#log(error);
    }
    if (this.#over || this.#screen === undefined) return;
    this.#passTo(this.#screen);
    this.#screen.shellEnded(problem);
  }

  async #runShellOf(name: string): Promise<void> {
    const { session, services } = this.#options;
    const { account, files, context } = await openUser(name, session, services);
    if (this.#over) {
      await files.close();
      return;
    }
    this.#restore();
    const shell = await new Promise<FileShell>((resolve) => {
      const opened = this.#fileShell(context, () => resolve(opened), files);
      this.#shell = opened;
      this.#userId = account.id;
      this.#passTo(opened);
      // Disabled since it was looked up.
      services.accounts.byId(account.id).then(
        (now) => {
          if (!now?.enabled) this.#endShell();
        },
        (error: unknown) => this.#fail(error),
      );
    });
    this.#input = undefined;
    this.#userId = undefined;
    await shell.close();
    this.#shell = undefined;
  }

  #fileShell(
    context: ShellContext,
    onEnd: (status: number) => void,
    files?: ConstructorParameters<typeof FileShell>[3],
  ): FileShell {
    const { session } = this.#options;
    const onError = (text: string): void => session.protocolError(`in a command: ${text}`);
    return new FileShell(this.#channel, { context, pty: this.#size, onError }, onEnd, files);
  }

  /** Gives it the client's input, from what waits on. */
  #passTo(taker: { input(chunk: Buffer): void }): void {
    this.#input = (chunk) => taker.input(chunk);
    for (const chunk of this.#held.takeAll()) taker.input(chunk);
  }

  #ended(): void {
    this.#eof = true;
    if (this.#screen !== undefined) this.#finish(HANGUP);
    else this.#shell?.endInput();
  }

  #fail(error: unknown): void {
    this.#log(error);
    this.#finish(FAILED, "The admin screen failed.");
  }

  /** Ends the channel; a text is for the client's user. */
  #finish(status: number, text?: string): void {
    if (this.#over) return;
    this.#restore();
    if (text !== undefined) this.#channel.write(Buffer.from(`${text}\r\n`));
    this.#channel.end(status);
    this.#stop();
  }

  #restore(): boolean {
    const bytes = this.#screen?.restoration() ?? "";
    if (bytes !== "") this.#channel.write(Buffer.from(bytes));
    return bytes !== "";
  }

  #stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onClose();
    this.#screen?.close().catch((error: unknown) => this.#log(error));
    this.#endShell();
  }

  #endShell(): void {
    this.#shell?.close().catch((error: unknown) => this.#log(error));
  }

  #log(error: unknown): void {
    const { services, session } = this.#options;
    const fields = { session: session.id, user: session.account.name, error: errorName(error) };
    services.log.error(fields, "admin screen");
  }
}

/** A size that can be drawn on. A client may say 0 for what it doesn't know, or anything else. */
function drawable({ columns, rows }: PtySize): PtySize {
  return {
    columns: Math.min(columns || USUAL.columns, LARGEST.columns),
    rows: Math.min(rows || USUAL.rows, LARGEST.rows),
  };
}

/** A client may say anything: what can't be a terminal's name is the usual one. */
function harmless(term: string): string {
  return /^[\w.+-]{1,64}$/.test(term) ? term : "xterm";
}
