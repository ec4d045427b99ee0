import { lstatSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { userInfo } from "node:os";
import { ControlError, EXIT, type ExitCode } from "./errors.ts";
import { LineReader } from "./lines.ts";
import { SocketDirectory, socketName } from "./place.ts";
import {
  type ClientLine,
  CONTROL_VERSION,
  type Control,
  type Hello,
  type Method,
  type Params,
  type Result,
  type ServerLine,
  type Subscription,
  type Topic,
  type TopicEvent,
  type TopicParams,
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
  return new ControlError(`no server runs on ${root}`, EXIT.notRunning);
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
  const control = new SocketControl(socket);
  const timer = setTimeout(() => control.end("the server does not answer"), HELLO_TIMEOUT_MS);
  try {
    await control.ready;
  } finally {
    clearTimeout(timer);
  }
  control.send({ actor });
  return control;
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

interface Call {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Follower {
  onEvent(event: unknown): void;
  onEnd(why: string): void;
}

class SocketControl implements Control {
  readonly closed: Promise<string>;
  /** resolves when the server has said what it is */
  readonly ready: Promise<void>;
  readonly #socket: Socket;
  readonly #lines = new LineReader(MAX_LINE);
  readonly #calls = new Map<number, Call>();
  readonly #followers = new Map<number, Follower>();
  #greeting: Call | undefined;
  #lastId = 0;
  #why: string | undefined;
  #onClosed: (why: string) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.ready = new Promise<void>((resolve, reject) => {
      this.#greeting = { resolve: () => resolve(), reject };
    });
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("close", () => this.end("the server has gone away"));
  }

  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      if (this.#why !== undefined) return reject(new ControlError(this.#why));
      const id = this.#nextId();
      this.#calls.set(id, { resolve: (result) => resolve(result as Result<M>), reject });
      this.send({ id, call: method, params });
    });
  }

  subscribe<T extends Topic>(
    topic: T,
    params: TopicParams<T>,
    onEvent: (event: TopicEvent<T>) => void,
    onEnd: (why: string) => void = () => {},
  ): Subscription {
    const id = this.#nextId();
    const follower = { onEvent: (event: unknown) => onEvent(event as TopicEvent<T>), onEnd };
    if (this.#why === undefined) {
      this.#followers.set(id, follower);
      this.send({ id, subscribe: topic, params });
    }
    return {
      close: () => {
        if (this.#followers.delete(id)) this.send({ id, unsubscribe: true });
      },
    };
  }

  close(): void {
    this.end("closed");
  }

  send(line: ClientLine): void {
    if (this.#why === undefined) this.#socket.write(`${JSON.stringify(line)}\n`);
  }

  /** Ends it for this reason. Again: does nothing. */
  end(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.#socket.destroy();
    this.#greeting?.reject(new ControlError(why));
    for (const { reject } of this.#calls.values()) reject(new ControlError(why));
    this.#calls.clear();
    this.#followers.clear();
    this.#onClosed(why);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  #read(chunk: Buffer): void {
    const lines = this.#lines.push(chunk);
    while (this.#why === undefined) {
      const message = nextMessage(lines);
      if (message === undefined) return;
      if (message === null) this.end("the server answers what this program doesn't understand");
      else if (this.#greeting === undefined) this.#take(message as ServerLine);
      else this.#greeted(message as Hello | ServerLine, this.#greeting);
    }
  }

  #greeted(hello: Hello | ServerLine, greeting: Call): void {
    if ("moorage" in hello && hello.moorage === CONTROL_VERSION) {
      this.#greeting = undefined;
      greeting.resolve(undefined);
    } else if ("moorage" in hello) {
      const { version } = hello;
      this.end(
        `the server (version ${version}) is controlled in another way: use the moorage it was started with, or restart it`,
      );
    } else {
      this.end("error" in hello ? hello.error.message : "this is no server of moorage");
    }
  }

  #take(message: ServerLine): void {
    if ("event" in message) {
      this.#followers.get(message.id)?.onEvent(message.event);
      return;
    }
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if ("result" in message) {
      call?.resolve(message.result);
      return;
    }
    const { message: text, exitCode } = message.error;
    call?.reject(new ControlError(text, exitCode as ExitCode));
    const follower = this.#followers.get(message.id);
    this.#followers.delete(message.id);
    follower?.onEnd(text);
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
