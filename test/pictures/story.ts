import { type ChildProcess, spawn } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Desk } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  PROGRAM,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { OPENSSH_OPTIONS } from "../support/ssh-client.ts";
import { Tmux } from "../support/tmux.ts";

const MB = 1_000_000;

/** Who is there: the quota, what is stored already, and what is moving. */
const PEOPLE = [
  { name: "alice", quota: 2_000 * MB, stored: 1_930 * MB, up: "2MB/s", file: "film.mkv" },
  { name: "bob", quota: 1_000 * MB, stored: 310 * MB, up: "600kB/s", file: "harvest.tar" },
  { name: "carol", quota: 500 * MB, stored: 0 },
  { name: "dora", quota: 4_000 * MB, stored: 1_200 * MB, down: "1MB/s", file: "backup.tar" },
  { name: "emil", quota: 1_000 * MB, stored: 90 * MB },
];

/** A server at work, with an admin screen in a terminal. */
export interface Story {
  readonly tmux: Tmux;
  /** the instance's directory, which no reader has */
  readonly root: string;
  end(): Promise<void>;
}

/** @param seconds that pass before the screen is looked at, so that graphs have something to show */
export async function tell(columns: number, rows: number, seconds: number): Promise<Story> {
  const desk = new Desk();
  const clients: ChildProcess[] = [];
  const keys = [desk.key.public];
  const users = PEOPLE.map(({ name, quota }) => ({ name, keys, quotaBytes: quota }));
  const instance = await openInstance([{ name: "admin", role: "admin", keys }, ...users]);
  await fill(instance);
  await share(instance);
  const server = await spawnServer(instance.root, [], { workers: 2 });
  for (const person of PEOPLE) {
    const { name, up, down } = person;
    const rate = [...(up ? ["--upload-rate", up] : []), ...(down ? ["--download-rate", down] : [])];
    if (rate.length > 0) await moorage(instance.root, "user", "set", name, ...rate);
    const client = transfer(person, desk, server);
    if (client !== undefined) clients.push(client);
  }
  const tmux = await Tmux.start({ columns, rows, env: { TERM: "xterm-256color" } });
  await tmux.enter(`clear; ${process.execPath} ${PROGRAM} --root ${instance.root} admin`);
  await sleep(seconds * 1_000);
  const end = async (): Promise<void> => {
    await tmux.stop();
    for (const client of clients) client.kill();
    await server.kill();
    await instance.close();
    desk.clear();
  };
  return { tmux, root: instance.root, end };
}

async function fill(instance: EmptyInstance): Promise<void> {
  for (const { name, stored, file = "notes.txt" } of PEOPLE) {
    const path = join(instance.home(name), file === "backup.tar" ? file : "archive.tar");
    writeFileSync(path, "");
    truncateSync(path, stored);
    await instance.control.rescan(name);
  }
}

/** A folder for two of them, with something in it. */
async function share({ root }: EmptyInstance): Promise<void> {
  await moorage(root, "folder", "add", "projects", "--quota", "3GB");
  for (const name of ["alice", "bob"]) await moorage(root, "folder", "share", "projects", name);
  const path = join(root, "homes/@projects/plans.tar");
  writeFileSync(path, "");
  truncateSync(path, 1_650 * MB);
  await moorage(root, "usage", "@projects", "--rescan");
}

function transfer(
  { name, up, down, file = "" }: (typeof PEOPLE)[number],
  desk: Desk,
  { port }: SpawnedServer,
): ChildProcess | undefined {
  if (up === undefined && down === undefined) return undefined;
  const local = desk.file(file, "");
  truncateSync(local, 60 * MB);
  const line = up === undefined ? `get /${file} ${local}.got` : `put ${local} /${file}`;
  const options = [...OPENSSH_OPTIONS, "-i", desk.keyFile, "-P", `${port}`, "-b", "-"];
  const client = spawn("sftp", [...options, `${name}@127.0.0.1`], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  client.stdin?.end(`${line}\n`);
  return client;
}
