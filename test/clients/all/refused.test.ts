import { once } from "node:events";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import ssh2Client from "ssh2";
import { expect, test } from "vitest";
import { TEST_PASSWORD } from "../../support/server.ts";
import { sshfs } from "../../support/sshfs-client.ts";
import { Bench, MIB, openPlace } from "../suite/bench.ts";
import type { Client, Op, Outcome } from "../suite/client.ts";
import { aria2 } from "../suite/clients/aria2.ts";
import { curl } from "../suite/clients/curl.ts";
import { pkgSftp } from "../suite/clients/golang.ts";
import { jsch } from "../suite/clients/java.ts";
import { lftp } from "../suite/clients/lftp.ts";
import { asyncssh, paramiko, ssh2, ssh2SftpClient } from "../suite/clients/libraries.ts";
import { libssh, libsshScp } from "../suite/clients/libssh.ts";
import { scp, scpOld, sftp, ssh } from "../suite/clients/openssh.ts";
import { netSftpForeign, netSsh2 } from "../suite/clients/perl.ts";
import { phpSsh2, phpseclib } from "../suite/clients/php.ts";
import { pscp, psftp } from "../suite/clients/putty.ts";
import { rclone } from "../suite/clients/rclone.ts";
import { netScp, netSftp } from "../suite/clients/ruby.ts";
import { moorage } from "../suite/moorage-host.ts";

const CLIENTS: readonly Client[] = [
  ...[sftp, scp, scpOld, ssh, sshfs, rclone, lftp, curl, psftp, pscp, paramiko, asyncssh],
  ...[ssh2SftpClient, ssh2, libssh, libsshScp, netSftpForeign, netSsh2, phpseclib, phpSsh2],
  ...[netSftp, netScp, pkgSftp, jsch, aria2],
];

/** Milliseconds: a bound of hangs. */
const TIMEOUT = 300_000;

const PAGE = readFileSync(
  new URL("../../../docs/connecting-libraries.md", import.meta.url),
  "utf8",
);

/** What the page says that a person sees: for a closed file, and of a full server. */
function promised(client: string): string[] {
  const row = PAGE.split("\n").find((line) => line.startsWith(`| ${client} | *`));
  return [...(row ?? "").matchAll(/\| \*([^*]+)\* /g)].map(([, text]) => text as string);
}

/** The words that the page gives, and ours only where the page gives them. */
function expectSaid(outcome: Outcome, words: string | undefined): void {
  expect(outcome.code).not.toBe(0);
  expect(outcome.text).toContain(words);
  if (!words?.startsWith("The server is full")) expect(outcome.text).not.toContain("no place");
}

async function withBench(client: Client, maxSessions: number, act: (bench: Bench) => unknown) {
  const place = await openPlace(client, {
    ...moorage,
    open: (desk) => moorage.open(desk, { maxSessions }),
  });
  const bench = await Bench.open(client, place, "ann");
  try {
    await act(bench);
  } finally {
    await bench.close();
    await place.close();
  }
}

/** Takes a place on the server until it is ended. */
async function lodger(bench: Bench): Promise<ssh2Client.Client> {
  const client = new ssh2Client.Client();
  const { port } = bench.host;
  client.connect({ host: "127.0.0.1", port, username: bench.user, password: TEST_PASSWORD });
  await once(client, "ready");
  return client;
}

test.each(CLIENTS)("$name: a closed file, and a full server", { timeout: TIMEOUT }, (client) =>
  withBench(client, 1, async (bench) => {
    const [closed, full] = promised(client.name);
    chmodSync(await bench.stock("secret", "content"), 0);
    const op: Op = { do: "get", there: "/secret", here: bench.here("secret") };
    expectSaid(await bench.run([op]), closed);
    await bench.settled();
    const other = await lodger(bench);
    try {
      expectSaid(await bench.run([op]), full);
    } finally {
      other.end();
    }
  }),
);

/** What became of a second upload, and of a download, on the connection where an upload failed. */
async function afterFailure(bench: Bench): Promise<{ text: string; put: boolean; got: boolean }> {
  const small = await bench.make("small", 1);
  await bench.stock("old", "content");
  await bench.host.setQuota(bench.user, 6 * MIB + 1_001);
  const here = await bench.make("large", 10 * MIB);
  const ops: Op[] = [
    { do: "put", here, there: "/large" },
    { do: "put", here: small, there: "/a" },
    { do: "put", here: small, there: "/b" },
    { do: "get", there: "/old", here: bench.here("back") },
  ];
  const { text } = await bench.run(ops, { goOn: true });
  return { text, put: existsSync(bench.there("b")), got: existsSync(bench.here("back")) };
}

test("JSch: the connection is of no more use after a failed upload", { timeout: TIMEOUT }, () =>
  withBench(jsch, 9, async (bench) => {
    const { text, put, got } = await afterFailure(bench);
    expect({ put, got }).toEqual({ put: false, got: false });
    expect(text).toMatch(/^get: 4: Quota exceeded/m);
  }),
);

test("net-sftp: what comes next is done, and raises the old error", { timeout: TIMEOUT }, () =>
  withBench(netSftp, 9, async (bench) => {
    const { text, put, got } = await afterFailure(bench);
    expect({ put, got }).toEqual({ put: true, got: true });
    expect(text.match(/write \/large \(4, "failure"\)/g)?.length).toBeGreaterThan(1);
  }),
);
