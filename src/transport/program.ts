import type { ProgramControl, Terminal } from "../channel.ts";
import type { ChannelRequest } from "../session/routes.ts";
import type { Fields } from "../ssh/fields.ts";
import { bytes } from "../vfs/path.ts";

/** Starts what is asked for; undefined when it is refused. */
export type Start = (request: ChannelRequest) => Running | undefined;

/** A program under way; `control` is what the client may say of it later, where it may. */
export interface Running {
  readonly control: ProgramControl | undefined;
}

type PlainTerminal = Omit<Terminal, "colour">;

/**
 * The one program of a session channel (RFC 4254 section 6): what is asked for before it, by what
 * request it starts, and what may be said of it afterwards.
 */
export class Program {
  readonly #start: Start;
  readonly #mayHaveTerminal: () => boolean;
  #terminal: PlainTerminal | undefined;
  #colour = true;
  #running: Running | undefined;

  constructor(start: Start, mayHaveTerminal: () => boolean) {
    this.#start = start;
    this.#mayHaveTerminal = mayHaveTerminal;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get hasTerminal(): boolean {
    return this.#terminal !== undefined;
  }

  /**
   * @param fields those of the request's type
   * @returns whether it was done. Throws MalformedMessage.
   */
  request(type: string, fields: Fields): boolean {
    switch (type) {
      case "window-change":
        return this.#resize(fields);
      case "signal":
        return this.#signal(fields.text());
      default:
        return this.#running === undefined && this.#before(type, fields);
    }
  }

  #before(type: string, fields: Fields): boolean {
    switch (type) {
      case "env":
        // rclone treats a refused env as fatal, OpenSSH warns about a refused pty.
        return this.#environment(fields.text(), fields.text());
      case "pty-req":
        return this.#askTerminal(fields);
      case "subsystem":
        return this.#run({ type, name: fields.text() });
      case "exec":
        return this.#run({ type, command: bytes(fields.string()), pty: this.#terminal });
      case "shell":
        return this.#run({
          type,
          pty: this.#terminal && { ...this.#terminal, colour: this.#colour },
        });
      default:
        return false;
    }
  }

  #askTerminal(fields: Fields): boolean {
    if (!this.#mayHaveTerminal()) return false;
    this.#terminal = { term: fields.text(), columns: fields.u32(), rows: fields.u32() };
    return true;
  }

  #environment(name: string, value: string): boolean {
    if (name === "NO_COLOR" && value !== "") this.#colour = false;
    return true;
  }

  #run(request: ChannelRequest): boolean {
    this.#running = this.#start(request);
    return this.#running !== undefined;
  }

  #resize(fields: Fields): boolean {
    const size = { columns: fields.u32(), rows: fields.u32() };
    if (this.#running === undefined)
      this.#terminal = this.#terminal && { ...this.#terminal, ...size };
    this.#running?.control?.resize(size);
    return true;
  }

  #signal(name: string): boolean {
    const control = this.#running?.control;
    control?.signal(name);
    return control !== undefined;
  }
}
