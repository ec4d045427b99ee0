import { once } from "node:events";
import type { AuthenticationType, Client, ClientChannel } from "ssh2";
import { duplexWire, SftpClient } from "./sftp-client.ts";
import { dial, openSubsystem, type Target } from "./ssh-client.ts";

export interface PacketLogin {
  /** the identification string, without "SSH-2.0-" */
  readonly ident: string;
  /** methods in the order in which the client tries them */
  readonly methods: readonly AuthenticationType[];
  readonly password: string;
  /** a private key to offer */
  readonly key?: string;
  readonly user?: string;
}

/** A question of the server's, as it came. */
export interface Prompt {
  readonly text: string;
  readonly echo: boolean;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An SSH connection as some program makes it, whose requests a test then sends one by one. */
export class PacketConnection {
  readonly client: Client;
  /** what keyboard-interactive asked, one array a round */
  readonly rounds: readonly (readonly Prompt[])[];

  private constructor(client: Client, rounds: readonly (readonly Prompt[])[]) {
    this.client = client;
    this.rounds = rounds;
  }

  static async open(target: Target, login: PacketLogin): Promise<PacketConnection> {
    const { ident, methods, password, key, user = "ann" } = login;
    const rounds: Prompt[][] = [];
    const { client, ready } = dial(target, {
      ident,
      username: user,
      password,
      ...(key === undefined ? {} : { privateKey: key }),
      tryKeyboard: true,
      authHandler: [...methods],
    });
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) => {
      rounds.push(prompts.map(({ prompt, echo }) => ({ text: prompt, echo: echo === true })));
      finish(prompts.map(() => password));
    });
    await ready;
    return new PacketConnection(client, rounds);
  }

  /** A channel for SFTP on which nothing has been sent. */
  async sftp(): Promise<SftpClient> {
    return new SftpClient(duplexWire(await openSubsystem(this.client)));
  }

  /** Runs a command with this input to its end. */
  async exec(command: string, input: string | Buffer = ""): Promise<Ended> {
    return new Promise<Ended>((resolve, reject) => {
      this.client.exec(command, (error, channel) => {
        if (error) return reject(error);
        // At once: the exit status may come in the same piece as the answer.
        resolve(end(channel));
        channel.end(input);
      });
    });
  }

  /** The user's shell without a terminal. */
  async shell(): Promise<LineShell> {
    return new Promise<LineShell>((resolve, reject) => {
      this.client.shell(false, (error, channel) => {
        if (error) reject(error);
        else resolve(new LineShell(channel));
      });
    });
  }

  /** As when the network is gone. */
  drop(): void {
    this.client.destroy();
  }

  async close(): Promise<void> {
    const closed = once(this.client, "close");
    this.client.end();
    await closed;
  }
}

async function end(channel: ClientChannel): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  let code: number | null = null;
  channel.on("data", (data: Buffer) => {
    stdout += data.toString("latin1");
  });
  channel.stderr.on("data", (data: Buffer) => {
    stderr += data.toString("latin1");
  });
  channel.on("exit", (status: number) => {
    code = status;
  });
  await once(channel, "close");
  return { code, stdout, stderr };
}

/** A shell that is talked to like a program talks to one: bytes in, output up to a mark. */
export class LineShell {
  readonly #channel: ClientChannel;
  readonly #ended: Promise<Ended>;
  #output = Buffer.alloc(0);
  #changed: () => void = () => {};

  constructor(channel: ClientChannel) {
    this.#channel = channel;
    this.#ended = end(channel);
    channel.on("data", (data: Buffer) => {
      this.#output = Buffer.concat([this.#output, data]);
      this.#changed();
    });
    channel.on("close", () => this.#changed());
  }

  send(data: string | Buffer): void {
    this.#channel.write(data);
  }

  /** The output up to and with what `mark` finds in it, as latin1; the rest stays. */
  async until(mark: RegExp): Promise<string> {
    for (;;) {
      const found = mark.exec(this.#output.toString("latin1"));
      if (found !== null) return this.take(found.index + found[0].length);
      await this.#more();
    }
  }

  /** So many bytes of the output, as latin1. */
  async take(bytes: number): Promise<string> {
    while (this.#output.length < bytes) await this.#more();
    const taken = this.#output.subarray(0, bytes).toString("latin1");
    this.#output = this.#output.subarray(bytes);
    return taken;
  }

  /** Ends the input and waits for the shell's end. */
  async close(): Promise<Ended> {
    this.#channel.end();
    return this.#ended;
  }

  async #more(): Promise<void> {
    if (this.#channel.closed) {
      throw new Error(`the shell ended after ${JSON.stringify(this.#output.toString("latin1"))}`);
    }
    await new Promise<void>((resolve) => {
      this.#changed = resolve;
    });
  }
}
