import { execFile } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { Shell } from "../../../src/shell/context.ts";
import { Input, Queue, type ShellIo, type Sink } from "../../../src/shell/io.ts";
import { runCommandLine } from "../../../src/shell/run.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { ShellBench } from "./harness.ts";

const SSH = fileURLToPath(new URL("bridge.mjs", import.meta.url));

export interface ToolOutcome {
  readonly status: number;
  readonly stderr: string;
}

/** Lets real clients that start ssh talk to our commands. */
export class Bridge {
  readonly #server: Server;
  readonly #path: string;
  /** the commands that clients asked for */
  readonly commands: string[] = [];

  constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  static async create(bench: ShellBench): Promise<Bridge> {
    const path = `${bench.instance.root}/bridge.sock`;
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const bridge = new Bridge(server, path);
    server.on("connection", (socket) => bridge.#serve(socket, bench));
    return bridge;
  }

  /** Runs `scp -O` with these arguments; "moorage:" is the home. */
  scp(...args: string[]): Promise<ToolOutcome> {
    const env = { ...process.env, SCP_BRIDGE: this.#path };
    return new Promise((resolve) => {
      execFile("scp", ["-O", "-S", SSH, ...args], { env }, (error, _, stderr) => {
        const status = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        resolve({ status, stderr });
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(socket: Socket, bench: ShellBench): Promise<void> {
    socket.on("error", () => {});
    const queue = new Queue();
    socket.on("data", (data) => queue.push(data));
    socket.on("end", () => queue.end());
    const { signal } = new AbortController();
    const stdin = new Input(queue);
    const first = (await stdin.readLine(signal, 100_000)) ?? "";
    const command = Buffer.from(first, "base64").toString();
    this.commands.push(command);
    const io: ShellIo = { stdin, stdout: frames(socket, 1), stderr: frames(socket, 2) };
    const status = await runCommandLine(
      fromText(command),
      io,
      new Shell(bench.shell.context),
      signal,
    );
    await frames(socket, 3).write(Buffer.from([status]));
    socket.end();
  }
}

function frames(socket: Socket, type: number): Sink {
  return {
    write: (data) =>
      new Promise((resolve) => {
        const head = Buffer.from([type, 0, 0, 0, 0]);
        head.writeUInt32BE(data.length, 1);
        socket.write(Buffer.concat([head, data]), () => resolve());
      }),
  };
}
