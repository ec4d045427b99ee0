import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

/** Tests that this machine can't do: their files, and why, for the one who runs them. */
export interface NotHere {
  readonly files: readonly string[];
  readonly why: string;
}

/** The number of CAP_SYS_ADMIN (capabilities(7)), which fusermount3 mounts with. */
const SYS_ADMIN = 21n;

/** Why nothing can be mounted on this machine, as in most containers; undefined: it can. */
function noMounts(): string | undefined {
  try {
    closeSync(openSync("/dev/fuse", "r+"));
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    return `/dev/fuse can't be opened (${code}): modprobe fuse; in a container --device /dev/fuse`;
  }
  const status = readFileSync("/proc/self/status", "utf8");
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  if ((bounding >> SYS_ADMIN) & 1n) return undefined;
  return "nobody may mount: in a container --cap-add SYS_ADMIN";
}

/** The version of OpenSSH's clients, such as 9.2; NaN without them. */
export function opensshVersion(): number {
  const { stderr } = spawnSync("ssh", ["-V"], { encoding: "utf8" });
  const [, major, minor] = /^OpenSSH_(\d+)\.(\d+)/.exec(stderr ?? "") ?? [];
  // 10.0 is above 9.9, and no minor number had two digits so far.
  return Number(`${major}.${minor}`);
}

/** Since then OpenSSH's clients say what the tests compare, and scp speaks both protocols. */
const MESSAGES_SINCE = 8.9;

/** Clients that are large, or take long: for who asks for them. */
const ALL = "test/clients/all/*.test.ts";

/** Have a PostgreSQL server of their own. */
const MACHINES = "test/machines/*.test.ts";

export function notTestedHere(): NotHere[] {
  const found: NotHere[] = [];
  if (!process.env.MOORAGE_MACHINES) {
    found.push({ files: [MACHINES], why: "with PostgreSQL: npm run test:machines" });
  }
  if (!process.env.MOORAGE_ALL_CLIENTS) {
    const why = "only with npm run test:clients -- --all, or MOORAGE_ALL_CLIENTS=1";
    found.push({ files: [ALL], why });
  }
  if (spawnSync("cc", ["--version"]).status !== 0) {
    const why = "it is a C program, and there is no compiler (cc): install the package gcc";
    found.push({ files: ["test/clients/conform-libssh*.test.ts"], why });
  }
  const mounts = noMounts();
  if (mounts !== undefined) found.push({ files: ["test/clients/sshfs.test.ts"], why: mounts });
  const version = opensshVersion();
  if (version < MESSAGES_SINCE) {
    const files = [
      "test/clients/openssh-*.test.ts",
      "test/integration/quota-clients.test.ts",
      "test/integration/scp.test.ts",
    ];
    found.push({ files, why: `they want OpenSSH ${MESSAGES_SINCE} or newer, here is ${version}` });
  }
  return found;
}
