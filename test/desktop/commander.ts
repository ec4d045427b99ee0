import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Tmux } from "../support/tmux.ts";
import { firstLine, packageVersion, within } from "./programs.ts";
import { Report } from "./report.ts";
import { until } from "./wait.ts";
import type { World } from "./world.ts";

export const NEEDS = ["mc", "tmux", "unshare"];

/** What stands in the box with this title. */
function boxed(screen: string, title: string): string {
  const lines = screen.split("\n");
  const top = lines.findIndex((line) => line.includes(title));
  const left = lines[top]?.lastIndexOf("┌", lines[top].indexOf(title)) ?? 0;
  const right = lines[top]?.indexOf("┐", left) ?? 0;
  const below = lines.slice(top + 1).map((line) => line.slice(left, right));
  const rows = below.slice(
    0,
    below.findIndex((row) => !row.startsWith("│")),
  );
  return rows
    .join(" ")
    .replace(/[│\s]+/g, " ")
    .trim();
}

/** Midnight Commander in a terminal: the local directory left, the server right. */
class Commander {
  readonly tmux: Tmux;

  constructor(tmux: Tmux) {
    this.tmux = tmux;
  }

  static async start(world: World, home: string): Promise<Commander> {
    // mc wants the file to be there before it adds a key.
    await writeFile(join(home, ".ssh/known_hosts"), "");
    const commander = new Commander(await Tmux.start({ columns: 100, rows: 30 }));
    const command = within(home, ["mc", "--nosubshell", "--nomouse"]);
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    await commander.tmux.enter(`cd ${world.local}/one && ${quoted}`);
    await commander.tmux.waitFor("10Quit");
    return commander;
  }

  /** Opens a directory of a server in the panel that is in front. */
  async open(url: string): Promise<void> {
    await this.tmux.enter(`cd ${url}`);
  }

  /** Logs in, with the question about the key and that for the password. */
  async logIn(url: string): Promise<void> {
    await this.open(url);
    await this.tmux.waitFor("can't be established");
    await this.tmux.type("y");
    await this.tmux.waitFor("Permanently added");
    await this.tmux.press("Enter");
    await this.tmux.waitFor(/[Pp]assword/);
    await this.tmux.enter("secret");
  }

  /** The words of the error that is shown, once one is. */
  async error(): Promise<string> {
    return boxed(await this.tmux.waitFor(" Error ─"), " Error ─");
  }
}

async function logIn(commander: Commander, world: World, report: Report): Promise<void> {
  await commander.tmux.press("Tab");
  await commander.logIn(world.url("/", ""));
  const screen = await commander.tmux.waitFor("/archive");
  report.note(
    "cd sftp://, unknown key accepted, password typed",
    "the home is listed",
    !screen.includes("/hidden"),
  );
}

async function upload(commander: Commander, world: World, report: Report): Promise<void> {
  const { tmux } = commander;
  // To the local panel, and to its file below "..".
  await tmux.press("Tab", "End", "F5");
  await tmux.waitFor("source mask");
  await tmux.press("Enter");
  const expected = await world.source("one/small.txt");
  await until("the copy", async () => (await world.stored("small.txt"))?.equals(expected));
  await tmux.waitFor("││ small.txt");
  report.note("F5, up", "small.txt is whole on the server", true);
}

async function remove(commander: Commander, world: World, report: Report): Promise<void> {
  const { tmux } = commander;
  await tmux.press("Tab", "End", "F8");
  await tmux.waitFor(/Delete file/);
  await tmux.type("y");
  await until("the removal", async () => (await world.stored("small.txt")) === undefined);
  report.note("F8", "small.txt is gone from the server", true);
}

async function overQuota(commander: Commander, world: World, report: Report): Promise<void> {
  const { tmux } = commander;
  await world.setQuota("3MB");
  await tmux.press("Tab");
  await tmux.enter(`cd ${world.local}/big`);
  await tmux.waitFor("big.bin");
  await tmux.press("End", "F5");
  await tmux.waitFor("source mask");
  await tmux.press("Enter");
  const shown = await commander.error();
  const arrived = (await world.stored("big.bin"))?.length ?? 0;
  report.note("the quota is full", shown, arrived <= 3_000_000);
  report.screen("The quota is full", await tmux.capture());
}

async function lockedOut(commander: Commander, world: World, report: Report): Promise<void> {
  const { tmux } = commander;
  await commander.logIn(world.url("/archive", ""));
  await tmux.waitFor("old.txt");
  await tmux.press("End", "F8");
  await tmux.waitFor(/Delete file/);
  await tmux.type("y");
  const shown = await commander.error();
  const isKept = (await world.stored("archive/old.txt")) !== undefined;
  report.note("no permission: remove", shown, isKept);
}

async function serverFull(commander: Commander, world: World, report: Report): Promise<void> {
  await commander.logIn(world.url("/", "", true));
  const shown = await commander.error();
  report.note("the server is full", shown, true);
  report.screen("The server is full", await commander.tmux.capture());
}

type Step = (commander: Commander, world: World, report: Report) => Promise<void>;

/** Each in a program of its own, for an error leaves its dialogs open. */
const ROUNDS: readonly (readonly Step[])[] = [
  [logIn, upload, remove, overQuota],
  [lockedOut],
  [serverFull],
];

/** Runs Midnight Commander through all of it. */
export async function driveCommander(world: World): Promise<Report> {
  const version = packageVersion("mc") || firstLine(["mc", "--version"]);
  const report = new Report("Midnight Commander", version);
  await world.fresh();
  for (const steps of ROUNDS) {
    const commander = await Commander.start(world, await world.home("mc"));
    try {
      for (const step of steps) await step(commander, world, report);
    } finally {
      await commander.tmux.stop();
    }
  }
  return report;
}
