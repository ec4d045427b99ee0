import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { compare } from "../bench/client.ts";
import { Tmux } from "../support/tmux.ts";
import { kill } from "./commands.ts";
import type { Place } from "./place.ts";

/** How the first start's last lines begin; see serve.ts. */
const PASSWORD = /^Its password, shown only this once: (\S+)$/m;
const SLOW_CIPHERS = "No native ciphers";

const CIPHERS = ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"];

/** Connections that come and go while the collector runs. */
const CONNECTIONS = 40;

export interface Step {
  readonly name: string;
  run(place: Place): Promise<void>;
}

/** @param native whether the install had a compiler */
export function stepsOf(native: boolean): Step[] {
  return [
    {
      name: "start by `npm start`, log in by the password it shows",
      run: (place) => first(place, native),
    },
    { name: "log in by key", run: logIn },
    { name: "put and get of the large file, each cipher", run: large },
    { name: "small files", run: small },
    { name: "scp and scp -O", run: scp },
    { name: "our own client", run: client },
    { name: "connections that come and go", run: comeAndGo },
    { name: "the admin screen", run: adminScreen },
    { name: "stop", run: stop },
    { name: "kill -9 in an upload, and recovery", run: crash },
    { name: "SIGTERM", run: terminate },
  ];
}

async function first(place: Place, native: boolean): Promise<void> {
  const printed = await place.start();
  if (printed.includes(SLOW_CIPHERS) === native) throw new Error(`native ciphers? ${printed}`);
  const password = PASSWORD.exec(printed)?.[1] ?? "";
  const { output } = await place.sftpByPassword("admin", password, "pwd");
  if (!output.includes("Remote working directory: /")) throw new Error(output);
}

async function logIn(place: Place): Promise<void> {
  const key = `${place.key}.pub`;
  await place.moorage(["user", "add", "ann", "--key", key, "--quota", "100GB"]);
  await place.moorage(["user", "key", "add", "admin", key]);
  await place.sftp(["pwd"]);
}

async function large(place: Place): Promise<void> {
  for (const cipher of CIPHERS) {
    await place.sftp([`put ${place.file("large")} large`], cipher);
    compare(place.file("large"), place.stored("large"));
    await place.sftp([`get large ${place.file("back")}`], cipher);
    compare(place.file("large"), place.file("back"));
  }
}

async function small(place: Place): Promise<void> {
  await place.sftp([`put -r ${place.file("small")} small`]);
  compare(place.file("small"), place.stored("small"));
  await place.sftp([`get -r small ${place.file("small-back")}`]);
  compare(place.file("small"), place.file("small-back"));
}

async function scp(place: Place): Promise<void> {
  for (const [name, ...options] of [["scp"], ["scp-old", "-O"]] as const) {
    await place.scp([...options, place.file("large"), `ann@127.0.0.1:${name}`]);
    compare(place.file("large"), place.stored(name));
    await place.scp([...options, `ann@127.0.0.1:${name}`, place.file(name)]);
    compare(place.file("large"), place.file(name));
  }
}

async function client(place: Place): Promise<void> {
  await place.client(["put", place.file("large"), "ann@127.0.0.1:wide"]);
  compare(place.file("large"), place.stored("wide"));
  await place.client(["get", "ann@127.0.0.1:wide", place.file("wide")]);
  compare(place.file("large"), place.file("wide"));
}

async function comeAndGo(place: Place): Promise<void> {
  const some = async (): Promise<void> => {
    for (let i = 0; i < CONNECTIONS / 4; i += 1) await place.ssh("md5sum small/file-9 && ls small");
  };
  await Promise.all([some(), some(), some(), some()]);
}

async function adminScreen(place: Place): Promise<void> {
  const tmux = await Tmux.start();
  try {
    await tmux.enter(`clear; ${place.commandLine("admin")}; echo "exit code: $?"`);
    await tmux.waitFor(/Server +running/);
    await tmux.press("2");
    await tmux.waitFor(/^ *ann /m);
    await tmux.press("q");
    await tmux.waitFor("exit code: 0");
  } finally {
    await tmux.stop();
  }
}

async function stop(place: Place): Promise<void> {
  await place.moorage(["stop"]);
  await place.ended(0);
}

async function crash(place: Place): Promise<void> {
  await place.startBare();
  const upload = place.upload(place.file("large"), "cut");
  const gone = once(upload, "close");
  try {
    await arrived(place.stored("cut"));
    place.signal("SIGKILL");
    await place.ended(null);
  } finally {
    kill(upload);
    await gone;
  }
  await place.startBare();
  const { output } = await place.moorage(["usage", "ann", "--json"]);
  const told = /"usedBytes": ?(\d+)/.exec(output)?.[1];
  const there = bytesIn(place.stored("."));
  if (Number(told) !== there) throw new Error(`usage says ${told}, on the disk are ${there} bytes`);
}

async function arrived(file: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) return;
    await sleep(50);
  }
  throw new Error("the upload does not begin");
}

function bytesIn(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}

async function terminate(place: Place): Promise<void> {
  await place.sftp(["rm cut", "ls"]);
  place.signal("SIGTERM");
  await place.ended(0);
}
