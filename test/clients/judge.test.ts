import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPlace, type Place } from "./suite/bench.ts";
import type { Client, Running } from "./suite/client.ts";
import { sftp } from "./suite/clients/openssh.ts";
import type { Venue } from "./suite/host.ts";
import { attempt, judge, TEST_TIMEOUT } from "./suite/judge.ts";
import { noOwnUsers, openssh } from "./suite/openssh-host.ts";
import { MissingProgram } from "./suite/program.ts";
import { ALONE, type Alone, NEEDS_OWN_USERS, ROWS, reasonNot } from "./suite/rows.ts";

const timeout = TEST_TIMEOUT;

/** What fails with OpenSSH's server and its own sftp would excuse every fault of ours. */
describe("OpenSSH's server passes with its own sftp", () => {
  const client: Client = { ...sftp, large: 24 * 1024 * 1024 };
  const limited = noOwnUsers() !== undefined;
  const steps = ROWS.filter(
    (row) => reasonNot(client, row) === undefined && ALONE[row.title] === undefined,
  );
  let place: Place & { close(): Promise<void> };

  beforeAll(async () => {
    place = await openPlace(client, openssh);
  }, timeout);

  afterAll(async () => {
    await place.close();
  }, timeout);

  for (const [i, { title }] of steps.entries()) {
    test(title, { timeout }, async ({ skip }) => {
      skip(limited && NEEDS_OWN_USERS.has(title), "the kernel allows no user namespaces here");
      const failure = await attempt(client, place, title, `user${i}`);
      if (failure !== undefined) throw failure;
    });
  }
});

describe("a step that failed with ours", () => {
  const failure = new Error("it failed");
  const broken = (login: Parameters<Client["start"]>[0]): Running =>
    sftp.start({ ...login, port: 1 }, [{ do: "list", path: "/" }]);

  test("and passes with OpenSSH's server is our fault", { timeout }, async () => {
    const verdict = await judge(sftp, "put 1 byte", failure);
    expect(verdict).toEqual({
      fault: "server",
      note: expect.stringMatching(/^it passes with OpenSSH_/),
    });
  });

  test("and fails with OpenSSH's server is the client's", { timeout }, async () => {
    const client: Client = { ...sftp, start: broken };
    const verdict = await judge(client, "put 1 byte", failure);
    expect(verdict).toEqual({
      fault: "client",
      openssh: expect.stringMatching(/^ended with 255: .*[Cc]onnection (refused|closed)/),
      server: expect.stringMatching(/^OpenSSH_/),
    });
  });

  test("is ours when OpenSSH's server can't be started", { timeout }, async () => {
    const venue: Venue = { ...openssh, open: () => Promise.reject(new Error("no sshd")) };
    expect(await judge(sftp, "put 1 byte", failure, venue)).toEqual({
      fault: "server",
      note: "OpenSSH's server can't be asked here: no sshd",
    });
  });

  test("is ours when OpenSSH's server serves nobody", { timeout }, async () => {
    const venue: Venue = {
      ...openssh,
      open: async (desk) => {
        const host = await openssh.open(desk);
        return Object.assign(host, { loginName: () => "nobody" });
      },
    };
    expect(await judge(sftp, "put 1 byte", failure, venue)).toEqual({
      fault: "server",
      note: expect.stringMatching(/^OpenSSH's server can't be asked here: its own sftp fails: /),
    });
  });

  const alone = Object.entries(ALONE) as [keyof typeof ALONE, Alone][];

  test.each(alone)("is ours when it is: %s", { timeout }, async (title, { why }) => {
    const note = `judged by itself: ${why}`;
    expect(await judge(sftp, title, failure)).toEqual({ fault: "server", note });
  });

  test("is the client's when it does nothing at all", { timeout }, async () => {
    for (const title of [
      "checksum by the server",
      "quota in mid-upload: what fitted is kept",
    ] as const) {
      const client: Client = { ...sftp, start: broken };
      expect(await judge(client, title, failure)).toMatchObject({ fault: "client" });
    }
  });

  test("is ours when the client is missing", async () => {
    expect(await judge(sftp, "put 1 byte", new MissingProgram("sftp is missing"))).toMatchObject({
      fault: "server",
    });
  });
});
