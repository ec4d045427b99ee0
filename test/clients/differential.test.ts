import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PacketType } from "../../src/sftp/wire/constants.ts";
import { OpenSshSftpServer } from "../support/openssh-sftp-server.ts";
import { type Command, FURNITURE, sequence } from "../support/openssh-sftp-server-commands.ts";
import { DIFFERENCES, parts } from "../support/openssh-sftp-server-differences.ts";
import { type Answer, Twins } from "../support/openssh-sftp-server-twins.ts";
import { fromText } from "../support/sequences.ts";
import { str, u32 } from "../support/sftp-client-packets.ts";
import { ACTIONS, RECORDINGS } from "./sequences/actions.ts";

/** Sequences of requests; always the same ones unless told otherwise. */
const RUNS = Number(process.env.DIFFERENTIAL_RUNS ?? 250);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 1);

/** Bounds of a hang: a sequence takes about 50 ms. */
const TIMEOUT = 120_000 + RUNS * 1_000;

/** What real clients sent when they were recorded. */
const RECORDED = readdirSync(RECORDINGS)
  .filter((name) => name.endsWith(".txt"))
  .map((name) => fromText(readFileSync(join(RECORDINGS, name), "utf8")));

/** Requests that make the files which were there when a client was recorded. */
function sceneOf(sizes: Readonly<Record<string, number>>): Command[] {
  const names = Object.keys(sizes).filter((name) => name.includes("/"));
  const directories = new Set(names.map((name) => dirname(name)));
  return [
    ...[...directories].map((path): Command => ({ op: "mkdir", path, attrs: {} })),
    ...Object.entries(sizes).flatMap(([path, length]): Command[] => [
      { op: "open", path, flags: 0x1a, attrs: {} },
      { op: "write", slot: 0, position: 0, length, fill: 0x6f },
      { op: "close", slot: 0 },
    ]),
  ];
}

/** Requests that remove what an action left in a home. */
function clearing(home: string): Command[] {
  const entries = readdirSync(home, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => ({ entry, path: `/${relative(home, join(entry.parentPath, entry.name))}` }))
    .filter(({ path }) => !/^\/etc\b/.test(path))
    .map(({ entry, path }): Command => ({ op: entry.isDirectory() ? "rmdir" : "remove", path }))
    .reverse();
}

let program: OpenSshSftpServer;

beforeAll(() => {
  program = new OpenSshSftpServer();
});

afterAll(() => program.close());

async function withTwins(act: (twins: Twins) => Promise<void>): Promise<void> {
  const twins = await Twins.start(program);
  try {
    await act(twins);
  } finally {
    await twins.stop();
  }
}

/** Whether one of the differences explains unlike answers. */
async function isMeant(answer: Answer, { probe }: Twins): Promise<boolean> {
  for (const { explains } of DIFFERENCES) {
    if ((await explains?.(answer, probe)) === true) return true;
  }
  return false;
}

/** Throws at the first answers that differ and should not, with what led to them. */
async function compare(twins: Twins, answers: AsyncIterable<Answer>): Promise<void> {
  const told: string[] = [];
  for await (const answer of answers) {
    const { command, theirs, ours } = answer;
    told.push(`${JSON.stringify(command)} => ${theirs.slice(0, 200)}`);
    const alike = theirs === ours || (await isMeant(answer, twins));
    if (!alike) expect(ours, told.join("\n")).toBe(theirs);
    if (parts(answer)) return;
  }
  const { theirs, ours } = twins.trees();
  expect(ours, told.join("\n")).toEqual(theirs);
}

describe("OpenSSH's sftp-server and Moorage", () => {
  test(
    "answer the same random requests alike, and have the same files afterwards",
    async () => {
      const property = fc.asyncProperty(sequence, (commands) =>
        withTwins((twins) => compare(twins, twins.run([...FURNITURE, ...commands]))),
      );
      await fc.assert(property, { numRuns: RUNS, seed: SEED });
    },
    TIMEOUT,
  );

  test.each(RECORDED)("answer alike what $client sends", async ({ actions }) => {
    await withTwins(async (twins) => {
      for (const { name, scene } of ACTIONS) {
        const bursts = actions.get(name);
        if (bursts === undefined) continue;
        await compare(twins, twins.run(sceneOf(scene)));
        await compare(twins, twins.replay(bursts));
        await compare(twins, twins.run(clearing(twins.theirs.directory)));
      }
    });
  });

  test.each(DIFFERENCES)("differ on purpose: $title", async ({ title, example }) => {
    await withTwins(async (twins) => {
      let last: Answer | undefined;
      for await (const answer of twins.run([...FURNITURE, ...example.commands])) last = answer;
      expect(last).toMatchObject({ theirs: example.theirs, ours: example.ours });
    });
    const page = readFileSync(new URL("../../docs/differences.md", import.meta.url), "utf8");
    expect(page).toContain(`\n### ${title}\n`);
  });

  test("offer the same extensions, all of OpenSSH's in the same versions", async () => {
    await withTwins(async ({ theirs, ours }) => {
      expect(theirs.extensions.size).toBeGreaterThan(5);
      for (const [name, version] of theirs.extensions) {
        expect(ours.extensions.get(name), name).toBe(version);
      }
    });
  });

  test("answer statvfs and limits in the same form", async () => {
    await withTwins(async (twins) => {
      for (const side of [twins.theirs, twins.ours]) {
        const { client } = side;
        const { requests } = client;
        const handle = await client.open("f", 0x1a);
        const [byPath, byHandle, limits, missing] = await client.all(
          requests.extended("statvfs@openssh.com", str("/")),
          requests.extended("fstatvfs@openssh.com", str(handle)),
          requests.extended("limits@openssh.com"),
          requests.extended("statvfs@openssh.com", str("missing")),
        );
        for (const stat of [byPath, byHandle]) {
          expect(stat?.type).toBe(PacketType.EXTENDED_REPLY);
          expect(stat?.body).toHaveLength(11 * 8);
          const [blocks, free, available] = [2, 3, 4].map((at) =>
            stat?.body.readBigUInt64BE(at * 8),
          );
          expect(free).toBeLessThanOrEqual(blocks as bigint);
          expect(available).toBeLessThanOrEqual(free as bigint);
          expect(stat?.body.readBigUInt64BE(10 * 8)).toBe(255n);
        }
        expect(limits?.type).toBe(PacketType.EXTENDED_REPLY);
        expect(limits?.body).toHaveLength(4 * 8);
        const sizes = [0, 1, 2].map((at) => Number(limits?.body.readBigUInt64BE(at * 8)));
        expect(sizes).toEqual([262_144, 261_120, 261_120]);
        expect(missing?.code).toBe(2);
      }
    });
  });

  test("tell the names of the user and of nobody else", async () => {
    await withTwins(async ({ theirs, ours }) => {
      const bodies: string[] = [];
      for (const { client } of [theirs, ours]) {
        const ids = str(Buffer.concat([1001, 4_000_000_000, 1001].map(u32)));
        const request = client.requests.extended("users-groups-by-id@openssh.com", ids, ids);
        bodies.push((await client.call(request)).body.toString("latin1"));
      }
      expect(bodies[1]).toBe(bodies[0]);
      expect(bodies[0]?.match(/ann/g)).toHaveLength(4);
    });
  });

  test("a NUL byte in a path ends OpenSSH's server, and is refused by Moorage", async () => {
    await withTwins(async ({ theirs, ours }) => {
      const request = ours.client.requests.lstat("a\0b");
      await expect(theirs.client.call(request)).rejects.toThrow("channel closed");
      expect((await ours.client.call(request)).code).toBe(5);
      expect((await ours.client.call(ours.client.requests.realpath("."))).name).toBe("/");
    });
  });

  test("read the same bytes at every length around the end and the largest one", async () => {
    await withTwins(async ({ theirs, ours }) => {
      const data = Buffer.alloc(600_000);
      for (let at = 0; at < data.length; at += 4) data.writeUInt32BE(at, at);
      const all: string[][] = [];
      for (const { client } of [theirs, ours]) {
        const { requests } = client;
        await client.put("big", data);
        const handle = await client.open("big", 0x01);
        const ranges = [0, 1, 339_000, 599_999, 600_000, 700_000].flatMap((position) =>
          [0, 1, 32_768, 261_119, 261_120, 261_121, 400_000].map((length) => ({
            position,
            length,
          })),
        );
        const replies = await client.all(
          ...ranges.map(({ position, length }) => requests.read(handle, position, length)),
        );
        all.push(
          replies.map((reply) => {
            return reply.type === PacketType.DATA ? reply.data.toString("hex") : `${reply.code}`;
          }),
        );
      }
      expect(all[1]).toEqual(all[0]);
    });
  });
});
