import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { batch, CIPHER, measured, SAME_KEX, visit } from "../client.ts";
import type { Peer } from "../peers.ts";
import type { Workspace } from "../workspace.ts";
import type { MachinesKind, MachinesPlan } from "./plan.ts";
import type { Row } from "./report.ts";
import type { Side } from "./sides.ts";

/** Logins that are under way at once. */
const AT_ONCE = 8;

/** What is run on one side and then on the other, and gives one number each. */
export interface Step extends Pick<Row, "name" | "unit" | "target"> {
  run(side: Side, workspace: Workspace, plan: MachinesPlan): Promise<number>;
}

const STEPS: Readonly<Partial<Record<MachinesKind, readonly Step[]>>> = {
  files: [
    {
      name: "put -r, one user",
      unit: "files/s",
      target: 0.5,
      run: ({ user }, workspace, plan) => putFiles([user], workspace, plan),
    },
    {
      name: "put -r, two users",
      unit: "files/s",
      target: undefined,
      run: ({ both }, workspace, plan) => putFiles(both, workspace, plan),
    },
  ],
  bulk: [
    { name: "put", unit: "MB/s", target: 0.95, run: put },
    { name: "get", unit: "MB/s", target: 0.95, run: get },
  ],
  logins: [{ name: `logins, ${AT_ONCE} at once`, unit: "per s", target: undefined, run: logins }],
};

export function stepsOf({ kinds }: MachinesPlan): Step[] {
  return kinds.flatMap((kind) => STEPS[kind] ?? []);
}

function sftp(peer: Peer, workspace: Workspace, ...commands: string[]): Promise<void> {
  return batch(peer, workspace, CIPHER, commands, SAME_KEX);
}

/** The other side's number is taken meanwhile on an idle machine, so all is cleaned up within a step. */
async function putFiles(
  users: readonly Peer[],
  workspace: Workspace,
  { files }: MachinesPlan,
): Promise<number> {
  const [first] = users;
  if (first === undefined) throw new Error("nobody");
  const { seconds } = await measured(first, () =>
    Promise.all(users.map((user) => sftp(user, workspace, `put -r ${workspace.small} small`))),
  );
  await Promise.all(
    users.map((user) => sftp(user, workspace, "cd small", "rm *", "cd ..", "rmdir small")),
  );
  return (users.length * files) / seconds;
}

async function put({ user }: Side, workspace: Workspace, { size }: MachinesPlan): Promise<number> {
  const { seconds } = await measured(user, () =>
    sftp(user, workspace, `put ${workspace.payload} large`),
  );
  if (statSync(join(user.home, "large")).size !== size) throw new Error("large: wrong size");
  return size / 1e6 / seconds;
}

/** What {@link put} has left. */
async function get({ user }: Side, workspace: Workspace, { size }: MachinesPlan): Promise<number> {
  const got = join(workspace.down, "large");
  const { seconds } = await measured(user, () => sftp(user, workspace, `get large ${got}`));
  if (statSync(got).size !== size) throw new Error("large: wrong size");
  rmSync(got);
  await sftp(user, workspace, "rm large");
  return size / 1e6 / seconds;
}

async function logins({ both }: Side, workspace: Workspace, plan: MachinesPlan): Promise<number> {
  const begin = performance.now();
  let next = 0;
  const lanes = Array.from({ length: AT_ONCE }, async (_, lane) => {
    while (next < plan.logins) {
      next += 1;
      await visit(both[lane % 2] ?? both[0], workspace);
    }
  });
  await Promise.all(lanes);
  return plan.logins / ((performance.now() - begin) / 1_000);
}
