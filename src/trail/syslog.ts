import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect, isIPv6, type Socket } from "node:net";
import { hostname } from "node:os";
import { logOf } from "../store/audit-groups.ts";
import type { AuditRecord } from "../store/types.ts";
import { jsonLine } from "./line.ts";
import type { Outlet } from "./outlet.ts";

/** authpriv, RFC 5424's facility 10 (section 6.2.1). */
const FACILITY = 10;
const SEVERITY = { users: 6, admin: 5, security: 4 } as const;

/** How long a collector may take for a piece of the trail, in milliseconds. */
const PATIENCE_MS = 5_000;

/** RFC 5424, section 6, without structured data: what is to say is JSON. */
export function syslogLine(record: AuditRecord, host: string = hostname()): string {
  const priority = FACILITY * 8 + SEVERITY[logOf(record.kind)];
  const at = new Date(record.at).toISOString();
  const from = host.replace(/[^!-~]/g, "").slice(0, 255) || "-";
  return `<${priority}>1 ${at} ${from} moorage ${process.pid} ${record.kind} - ${jsonLine(record)}`;
}

/** "udp:HOST:PORT", "tcp:HOST:PORT" or "local". */
export function syslogOutlet(address: string): Outlet {
  if (address === "local") return new LocalLog();
  const [, way, host = "", port] = /^(udp|tcp):\[?(.+?)\]?:(\d+)$/.exec(address) ?? [];
  return way === "tcp"
    ? new TcpCollector(host, Number(port))
    : new UdpCollector(host, Number(port));
}

/** One datagram a record (RFC 5426). Nobody says whether it arrives. */
class UdpCollector implements Outlet {
  readonly #host: string;
  readonly #port: number;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  async write(records: readonly AuditRecord[]): Promise<void> {
    const socket = createSocket(isIPv6(this.#host) ? "udp6" : "udp4");
    try {
      for (const record of records) await this.#send(socket, syslogLine(record));
    } finally {
      socket.close();
    }
  }

  #send(socket: ReturnType<typeof createSocket>, line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.send(line, this.#port, this.#host, (error) => {
        socket.off("error", reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  close(): void {}
}

/** Records with their lengths before them (RFC 6587, section 3.4.1), over one connection. */
class TcpCollector implements Outlet {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  async write(records: readonly AuditRecord[]): Promise<void> {
    const frames = records.map((record) => {
      const line = syslogLine(record);
      return `${Buffer.byteLength(line)} ${line}`;
    });
    const socket = this.#open();
    await within(socket, (done) => socket.write(frames.join(""), done));
  }

  #open(): Socket {
    if (this.#socket !== undefined && !this.#socket.destroyed) return this.#socket;
    const socket = connect(this.#port, this.#host).unref();
    socket.on("error", () => {}).on("end", () => socket.destroy());
    socket.resume();
    this.#socket = socket;
    return socket;
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** Resolves when it is written; a socket that takes nothing for long is given up. */
function within(socket: Socket, write: (done: (error?: Error | null) => void) => void) {
  return new Promise<void>((resolve, reject) => {
    const end = (error?: Error | null): void => {
      clearTimeout(timer);
      socket.off("close", gone);
      if (!error) resolve();
      else {
        socket.destroy();
        reject(error);
      }
    };
    const gone = (): void => end(new Error("the collector ended the connection"));
    const timer = setTimeout(() => end(new Error("the collector takes nothing")), PATIENCE_MS);
    socket.once("close", gone);
    write(end);
  });
}

/** The machine's own syslog or journal, by util-linux's `logger`, which reads lines. */
class LocalLog implements Outlet {
  #child: ChildProcess | undefined;

  async write(records: readonly AuditRecord[]): Promise<void> {
    const child = this.#run();
    const lines = records.map((record) => {
      const priority = FACILITY * 8 + SEVERITY[logOf(record.kind)];
      return `<${priority}>${jsonLine(record)}\n`;
    });
    await new Promise<void>((resolve, reject) => {
      const end = (error?: Error | null): void => {
        clearTimeout(timer);
        child.off("exit", gone).off("error", end);
        if (!error) resolve();
        else {
          child.kill("SIGKILL");
          reject(error);
        }
      };
      const gone = (): void => end(new Error("logger has ended"));
      const timer = setTimeout(() => end(new Error("logger takes nothing")), PATIENCE_MS);
      child.once("exit", gone).once("error", end);
      child.stdin?.write(lines.join(""), end);
    });
  }

  #run(): ChildProcess {
    const now = this.#child;
    if (now !== undefined && now.exitCode === null && now.signalCode === null) return now;
    const options = ["--tag", "moorage", "--prio-prefix", "--size", "16384"];
    const child = spawn("logger", options, {
      stdio: ["pipe", "ignore", "ignore"],
      // This process may have secrets in its own.
      env: { PATH: process.env.PATH },
    });
    child.on("error", () => {});
    child.stdin.on("error", () => {});
    child.unref();
    this.#child = child;
    return child;
  }

  close(): void {
    this.#child?.stdin?.end();
  }
}
