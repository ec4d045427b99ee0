import { chmodSync, fchmodSync, fstatSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { basename } from "node:path";
import { errorName } from "../errors.ts";
import { VERSION } from "../version.ts";
import { ControlConnection } from "./connection.ts";
import { SocketDirectory, socketName } from "./place.ts";
import { CONTROL_VERSION, type Hello } from "./protocol.ts";
import type { ControlService } from "./service.ts";

const MAX_CONNECTIONS = 64;
const OTHERS_MAY_WRITE = 0o022;

/** The server's end of the control socket: db/control-NODE.sock, for the instance's owner only. */
export class ControlSocket {
  readonly #service: ControlService;
  readonly #directory: SocketDirectory;
  readonly #server: Server;
  readonly #connections = new Set<ControlConnection>();

  private constructor(service: ControlService, directory: SocketDirectory) {
    this.#service = service;
    this.#directory = directory;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /**
   * Listens, after taking away what dead processes left. Rejects when the directory isn't ours
   * alone to write, or with the system's error.
   */
  static async listen(service: ControlService): Promise<ControlSocket> {
    const directory = new SocketDirectory(service.host.root);
    try {
      protect(directory);
      await removeStale(directory, service);
      const socket = new ControlSocket(service, directory);
      await socket.#listen();
      return socket;
    } catch (error) {
      directory.close();
      throw error;
    }
  }

  get #name(): string {
    return socketName(this.#service.host.store.nodeId);
  }

  /**
   * The system makes sockets with the permissions of the umask: it is made where nobody else can
   * reach it, and moved to its place when it is 0600. Linux asks for the right to write a socket
   * from who connects, so only the owner and root get in.
   */
  async #listen(): Promise<void> {
    const made = mkdtempSync(this.#directory.path(".control-"));
    const hidden = this.#directory.path(`${basename(made)}/s`);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(hidden, resolve);
      });
      this.#server.on("error", (error) => {
        this.#service.host.log.error({ error: errorName(error) }, "control socket failed");
      });
      chmodSync(hidden, 0o600);
      renameSync(hidden, this.#directory.path(this.#name));
    } catch (error) {
      this.#server.close();
      throw error;
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  }

  #accept(socket: Socket): void {
    const { host } = this.#service;
    if (this.#connections.size >= MAX_CONNECTIONS) {
      const message = "too many programs control the server: end one of them";
      socket.on("error", () => {});
      socket.end(`${JSON.stringify({ id: 0, error: { message, exitCode: 1 } })}\n`);
      socket.resume();
      return;
    }
    const connection = new ControlConnection(socket, this.#service);
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
    const hello: Hello = {
      moorage: CONTROL_VERSION,
      version: VERSION,
      pid: process.pid,
      node: host.store.nodeId,
    };
    connection.send(hello);
  }

  /** Resolves when nobody is connected any more and the socket is gone. */
  async close(): Promise<void> {
    rmSync(this.#directory.path(this.#name), { force: true });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.end();
    await closed;
    this.#directory.close();
  }
}

/** Who else can write the directory could put a socket of his own there. */
function protect({ fd }: SocketDirectory): void {
  const stat = fstatSync(fd);
  if ((stat.mode & OTHERS_MAY_WRITE) !== 0) fchmodSync(fd, stat.mode & ~OTHERS_MAY_WRITE & 0o7777);
  const { uid } = stat;
  if (uid !== process.getuid?.() && uid !== 0) throw new Error("db/ belongs to another user");
}

async function removeStale(directory: SocketDirectory, service: ControlService): Promise<void> {
  const nodes = await service.host.store.nodes.list();
  const live = new Set(nodes.filter(({ alive }) => alive).map(({ id }) => id));
  for (const { name, nodeId } of directory.sockets()) {
    if (!live.has(nodeId)) rmSync(directory.path(name), { force: true });
  }
}
