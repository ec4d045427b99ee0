import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { SequenceRecorder } from "../support/sequence-recorder.ts";
import { type Burst, toText } from "../support/sequences.ts";
import { sshfs } from "../support/sshfs-client.ts";
import { ACTIONS, type Action, RECORDING, RECORDINGS } from "./sequences/actions.ts";
import { Bench, openPlace, type Place } from "./suite/bench.ts";
import type { Client } from "./suite/client.ts";
import { curl } from "./suite/clients/curl.ts";
import { pkgSftp } from "./suite/clients/golang.ts";
import { jsch } from "./suite/clients/java.ts";
import { lftp } from "./suite/clients/lftp.ts";
import { asyncssh, paramiko, ssh2, ssh2SftpClient } from "./suite/clients/libraries.ts";
import { libssh } from "./suite/clients/libssh.ts";
import { scp, sftp } from "./suite/clients/openssh.ts";
import { netSftpForeign, netSsh2 } from "./suite/clients/perl.ts";
import { phpSsh2, phpseclib } from "./suite/clients/php.ts";
import { psftp } from "./suite/clients/putty.ts";
import { rclone } from "./suite/clients/rclone.ts";
import { netSftp } from "./suite/clients/ruby.ts";
import { moorage } from "./suite/moorage-host.ts";

/** The channels of the action that is under way. */
const current = vi.hoisted(() => ({ recorder: undefined as SequenceRecorder | undefined }));

vi.mock("../../src/sftp/session.ts", async (original) => {
  const real = await original<typeof import("../../src/sftp/session.ts")>();
  const serveSftp: typeof real.serveSftp = (channel, fs, options) =>
    real.serveSftp(current.recorder?.tap(channel) ?? channel, fs, options);
  return { ...real, serveSftp };
});

// The server takes every such name for a setting of its own.
delete process.env.MOORAGE_WRITE_SEQUENCES;

const CLIENTS: readonly Client[] = [
  ...[
    sftp,
    scp,
    sshfs,
    rclone,
    lftp,
    curl,
    psftp,
    paramiko,
    asyncssh,
    ssh2SftpClient,
    ssh2,
    libssh,
  ],
  ...[netSftpForeign, netSsh2, phpseclib, phpSsh2, netSftp, pkgSftp, jsch],
];

/** Milliseconds: a bound of hangs. */
const TIMEOUT = 300_000;

/** The time of the client's own file, in seconds since 1970. */
const OLD = 1_000_000_000;

async function record(client: Client, place: Place, action: Action, user: string) {
  const bench = await Bench.open(client, place, user);
  const { scene, local } = action;
  for (const [name, size] of Object.entries(scene)) await bench.stock(name, Buffer.alloc(size));
  const here = bench.here("local");
  const ops = action.ops(client, here);
  if (ops.length === 0) return [];
  mkdirSync(bench.here(), { recursive: true });
  if (local !== undefined) {
    await bench.make("local", Buffer.alloc(local));
    utimesSync(here, OLD, OLD);
  }
  const recorder = new SequenceRecorder();
  current.recorder = recorder;
  try {
    // Not all clients take several different ones at once.
    for (const op of ops) await bench.done([op]);
    await bench.settled();
  } finally {
    current.recorder = undefined;
    await bench.close();
  }
  return recorder.bursts();
}

describe.runIf(RECORDING)("what clients send is recorded", () => {
  test.each(CLIENTS)("$name", { timeout: TIMEOUT }, async (client) => {
    const place = await openPlace(client, moorage);
    const actions = new Map<string, readonly Burst[]>();
    try {
      for (const [i, action] of ACTIONS.entries()) {
        const bursts = await record(client, place, action, `user${i}`);
        if (bursts.length > 0) actions.set(action.name, bursts);
      }
    } finally {
      await place.close();
    }
    expect(actions.size).toBeGreaterThan(2);
    const title = `${client.name} ${await client.version()}`;
    const file = `${client.name.replace(/\W+/g, "-").toLowerCase()}.txt`;
    writeFileSync(join(RECORDINGS, file), toText({ client: title, actions }));
  });
});
