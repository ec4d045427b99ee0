import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { openPlace } from "./suite/bench.ts";
import type { Client, Op } from "./suite/client.ts";
import { aria2 } from "./suite/clients/aria2.ts";
import { curl } from "./suite/clients/curl.ts";
import { jsch } from "./suite/clients/java.ts";
import { lftp } from "./suite/clients/lftp.ts";
import { asyncssh, paramiko } from "./suite/clients/libraries.ts";
import { libssh } from "./suite/clients/libssh.ts";
import { scp, sftp, ssh } from "./suite/clients/openssh.ts";
import { netSftpForeign, netSsh2 } from "./suite/clients/perl.ts";
import { phpSsh2, phpseclib } from "./suite/clients/php.ts";
import { pscp, psftp } from "./suite/clients/putty.ts";
import { rclone } from "./suite/clients/rclone.ts";
import { netScp, netSftp } from "./suite/clients/ruby.ts";
import { DOCUMENT, INTRO, WRITING } from "./suite/document.ts";
import { moorage } from "./suite/moorage-host.ts";
import { CLIENTS, ROWS } from "./suite/rows.ts";
import { type Column, fromMarkdown, toMarkdown, toText } from "./suite/table.ts";

// While it is being written it is not what it will be.
describe.runIf(!WRITING)("docs/clients.md", () => {
  let columns: Column[];

  beforeAll(() => {
    columns = fromMarkdown(readFileSync(DOCUMENT, "utf8"));
  });

  test("has a column for each client, with its version, date and distribution", () => {
    expect(columns.map(({ client }) => client)).toEqual(CLIENTS);
    for (const { version, measured } of columns) {
      expect(version).toMatch(/\d/);
      expect(measured.date).toMatch(/^20\d\d-\d\d-\d\d$/);
      expect(measured.system).toMatch(/\w/);
    }
  });

  test("has a result for each step, and a reason where it is not a yes", () => {
    for (const { cells } of columns) {
      expect(Object.keys(cells)).toEqual(ROWS.map(({ title }) => title));
      for (const cell of Object.values(cells)) {
        if (cell.result !== "pass") expect(cell.reason).toMatch(/\w+ \w+/);
        expect(cell).not.toMatchObject({ reason: "the test failed" });
      }
    }
  });

  test("has the head that the suite gives it", () => {
    expect(readFileSync(DOCUMENT, "utf8").startsWith(INTRO.trimEnd())).toBe(true);
  });
});

test("a table is read as it was written", () => {
  const rows = [
    { group: "A", title: "one" },
    { group: "A", title: "two" },
    { group: "B", title: "three" },
  ];
  const columns: Column[] = [
    {
      client: "x",
      version: "1.2",
      measured: { date: "2026-01-31", system: "Some Linux 1" },
      cells: {
        one: { result: "pass" },
        two: { result: "fail", reason: "it breaks" },
        three: { result: "not offered", reason: "none such" },
      },
    },
    {
      client: "y z",
      version: "3",
      measured: { date: "2026-02-01", system: "Another" },
      cells: {
        one: { result: "not offered", reason: "none such" },
        two: { result: "pass" },
        three: { result: "pass" },
      },
    },
  ];
  expect(fromMarkdown(toMarkdown("# Head\n\nText.", rows, columns))).toEqual(columns);
  expect(toText(rows, columns).split("\n")).toEqual([
    "       x  y z",
    "one    yes  –",
    "two    NO  yes",
    "three  –  yes",
  ]);
});

describe("a client that is missing is named with its package", () => {
  const op: Op = { do: "get", there: "/f", here: "f" };
  const missing: readonly (readonly [Client, string])[] = [
    [sftp, "sftp is missing: install the package openssh-client"],
    [scp, "scp is missing: install the package openssh-client"],
    [rclone, "rclone is missing: install the package rclone"],
    [lftp, "lftp is missing: install the package lftp"],
    [curl, "curl is missing: install the package curl"],
    [psftp, "psftp is missing: install the package putty-tools"],
    [pscp, "pscp is missing: install the package putty-tools"],
    [aria2, "aria2c is missing: install the package aria2"],
    [phpseclib, "php is missing: install the package php-cli"],
    [netSftp, "ruby is missing: install the package ruby"],
  ];

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test.each(missing)("$name", async (client, message) => {
    vi.stubEnv("PATH", "/nonexistent");
    const login = {
      port: 1,
      user: "ann",
      key: { openssh: "id", putty: "id.ppk" },
      fingerprints: ["SHA256:a", "SHA256:b"],
      desk: tmpdir(),
      prefix: "",
    };
    await expect(client.start(login, [op]).result).rejects.toThrow(message);
  });

  test("also where a shell line starts it", async () => {
    vi.stubEnv("PATH", "/nonexistent");
    await expect(ssh.version()).rejects.toThrow("install the package openssh-client");
  });

  test("libraries of other languages", async () => {
    const place = { desk: tmpdir() };
    vi.stubEnv("PATH", "/nonexistent");
    for (const client of [netSftpForeign, netSsh2, netSftp, netScp, phpseclib, phpSsh2]) {
      await expect(client.version()).rejects.toThrow(/is missing: install the package \w/);
    }
    for (const client of [libssh, jsch]) {
      await expect(client.prepare?.(place)).rejects.toThrow(/is missing: install the package \w/);
    }
  });

  test("Python's modules", async () => {
    vi.stubEnv("PYTHONHOME", "/nonexistent");
    for (const client of [paramiko, asyncssh]) {
      await expect(client.version()).rejects.toThrow(`install the package python3-${client.name}`);
    }
  });

  test("before anything is tried", async () => {
    vi.stubEnv("PATH", "/nonexistent");
    await expect(openPlace(psftp, moorage)).rejects.toThrow("install the package putty-tools");
  });
});

describe("the cutting proxy", () => {
  let server: Server;
  let proxy: CuttingProxy;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await CuttingProxy.open((server.address() as { port: number }).port);
  });

  afterEach(async () => {
    await proxy.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  /** A connection, what comes back on it, and its end. */
  function dial(): { socket: Socket; received(): number; closed: Promise<void> } {
    const socket = connect(proxy.port, "127.0.0.1");
    let received = 0;
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.length;
    });
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    return { socket, received: () => received, closed };
  }

  test("carries both ways and counts", async () => {
    const { socket, received, closed } = dial();
    socket.end(Buffer.alloc(300_000));
    await closed;
    expect(received()).toBe(300_000);
    expect(proxy.passed).toEqual({ up: 300_000, down: 300_000 });
    expect(proxy.connections).toBe(1);
  });

  test("cuts at the byte, and is down until it is reset", async () => {
    const cut = proxy.cutAfter("up", 100_001);
    const { socket, closed } = dial();
    socket.write(Buffer.alloc(300_000));
    await cut;
    await closed;
    expect(proxy.passed.up).toBe(100_001);
    await dial().closed;
    proxy.reset();
    const again = dial();
    again.socket.end("x");
    await again.closed;
    expect(again.received()).toBe(1);
  });

  test("holds, and goes on when released", async () => {
    const held = proxy.holdAfter("up", 100_000);
    const { socket, received, closed } = dial();
    socket.end(Buffer.alloc(1_000_000));
    await held;
    expect(proxy.passed.up).toBeLessThan(1_000_000);
    proxy.release();
    await closed;
    expect(received()).toBe(1_000_000);
  });
});
