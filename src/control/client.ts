import { lstatSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { userInfo } from "node:os";
import { ControlCalls } from "./calls.ts";
import { ControlError, EXIT } from "./errors.ts";
import { noServer } from "./instance.ts";
import { LineReader } from "./lines.ts";
import { SocketDirectory, socketName } from "./place.ts";
import {
  type ClientLine,
  CONTROL_VERSION,
  type Control,
  type Hello,
  type ServerLine,
} from "./protocol.ts";

/** The longest answer there is: a thousand records of the audit trail. */
const MAX_LINE = 32 * 1024 * 1024;
const HELLO_TIMEOUT_MS = 10_000;

export interface ConnectOptions {
  /** who acts, for the audit trail; without it the system's user: "cli:root" */
  readonly actor?: string;
}

/**
 * Control of the server that runs on the instance; of several, the one that started first.
 * Rejects with ControlError: exit code 3 when none runs.
 */
export async function connectControl(root: string, options: ConnectOptions = {}): Promise<Control> {
  const directory = openDirectory(root);
  try {
    for (const { name } of directory.sockets()) {
      const socket = await open(directory, name);
      if (socket !== undefined) return await greet(socket, options);
    }
  } finally {
    directory.close();
  }
  throw notRunning(root);
}

/** Control of one process of the instance. @param nodeId its row in `nodes` */
export async function connectNode(
  root: string,
  nodeId: string,
  options: ConnectOptions = {},
): Promise<Control> {
  const directory = openDirectory(root);
  try {
    const socket = await open(directory, socketName(nodeId));
    if (socket !== undefined) return await greet(socket, options);
  } finally {
    directory.close();
  }
  throw notRunning(root);
}

function notRunning(root: string): ControlError {
  return new ControlError(noServer(root), EXIT.notRunning);
}

function openDirectory(root: string): SocketDirectory {
  try {
    return new SocketDirectory(root);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw notRunning(root);
    throw notAllowed(root);
  }
}

function notAllowed(root: string): ControlError {
  return new ControlError(`not allowed to reach the server of ${root}: run this as its user`);
}

/** @returns undefined when nobody listens there: a process that was killed left it behind */
async function open(directory: SocketDirectory, name: string): Promise<Socket | undefined> {
  const path = directory.path(name);
  // In bigints: cli/background.ts says why.
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const uid = Number(found.uid);
  // Passwords go through it: a stranger's socket in its place gets none.
  const own = process.getuid?.() ?? uid;
  if (uid !== own && uid !== 0 && own !== 0) throw notAllowed(name);
  const socket = connect(path);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return socket;
  } catch (thrown) {
    socket.destroy();
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ECONNREFUSED" || code === "ENOENT") return undefined;
    if (code === "EACCES" || code === "EPERM") throw notAllowed(name);
    throw new ControlError(`the server can't be reached (${code}): try again`);
  }
}

/** Waits for the server's first line, and says who we are. */
async function greet(socket: Socket, { actor = systemActor() }: ConnectOptions): Promise<Control> {
  const line = new SocketLine(socket);
  const late = (): void => line.control.end("the server does not answer");
  const timer = setTimeout(late, HELLO_TIMEOUT_MS);
  try {
    await line.ready;
  } finally {
    clearTimeout(timer);
  }
  line.send({ actor });
  return line.control;
}

/** Who runs this program, for the audit trail. */
export function systemActor(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // A user id without an entry in the system's user database, as in containers.
    return `cli:uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/** The client's end of a control socket. */
class SocketLine {
  readonly control = new ControlCalls((line) => this.send(line));
  /** resolves when the server has said what it is */
  readonly ready: Promise<void>;
  readonly #socket: Socket;
  readonly #lines = new LineReader(MAX_LINE);
  #greeting: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.ready = new Promise<void>((resolve, reject) => {
      this.#greeting = { resolve, reject };
    });
    void this.control.closed.then((why) => {
      socket.destroy();
      this.#greeting?.reject(new ControlError(why));
    });
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("close", () => this.control.end("the server has gone away"));
  }

  send(line: ClientLine): void {
    if (!this.control.isEnded) this.#socket.write(`${JSON.stringify(line)}\n`);
  }

  #read(chunk: Buffer): void {
    const lines = this.#lines.push(chunk);
    while (!this.control.isEnded) {
      const message = nextMessage(lines);
      if (message === undefined) return;
      if (message === null)
        this.control.end("the server answers what this program doesn't understand");
      else if (this.#greeting === undefined) this.control.take(message as ServerLine);
      else this.#greeted(message as Hello | ServerLine, this.#greeting);
    }
  }

  #greeted(hello: Hello | ServerLine, greeting: { resolve(): void }): void {
    if ("moorage" in hello && hello.moorage === CONTROL_VERSION) {
      this.#greeting = undefined;
      greeting.resolve();
    } else if ("moorage" in hello) {
      const { version } = hello;
      this.control.end(
        `the server (version ${version}) is controlled in another way: use the moorage it was started with, or restart it`,
      );
    } else {
      this.control.end("error" in hello ? hello.error.message : "this is no server of moorage");
    }
  }
}

/** The next line's object; undefined at the end, null when it is none. */
function nextMessage(lines: Iterator<string>): object | null | undefined {
  try {
    const next = lines.next();
    if (next.done === true) return undefined;
    const message: unknown = JSON.parse(next.value);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
