import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Display } from "./display.ts";
import { type Program, type Programs, packageVersion, within } from "./programs.ts";
import { Report } from "./report.ts";
import { until } from "./wait.ts";
import { BIG_BYTES, SMALL_FILES, type World } from "./world.ts";

export const NEEDS = [
  "filezilla",
  "Xvfb",
  "openbox",
  "xdotool",
  "import",
  "unshare",
  "dbus-run-session",
];

const MAIN = "FileZilla$";
const UNKNOWN_KEY = "^Unknown host key$";
const EXISTS = "^Target file already exists$";
const CONNECTIONS = 4;

// Where things are in a window of FileZilla's first size, without the trees, in pixels from the top.
const LOG_EDGE = 184;
const LOG_MORE = 120;
const FIRST_ROW = 290;

/** FileZilla's own settings: no questions about itself, a log in a file, and room for the log. */
function settings(log: string): string {
  const values = {
    "Update Check": 0,
    "Greeting version": "99.0.0",
    "Logging file": log,
    "Number of Transfers": CONNECTIONS,
    "Reconnect count": 0,
    "Show Tree Local": 0,
    "Show Tree Remote": 0,
  };
  const lines = Object.entries(values).map(
    ([name, value]) => `<Setting name="${name}">${value}</Setting>`,
  );
  const root = '<FileZilla3 version="3.63.0" platform="*nix">';
  return `<?xml version="1.0"?>\n${root}\n<Settings>\n${lines.join("\n")}\n</Settings>\n</FileZilla3>\n`;
}

/** FileZilla on the display: started anew for each local directory. */
class FileZilla {
  readonly #world: World;
  readonly #display: Display;
  readonly #programs: Programs;
  readonly #home: string;
  readonly #log: string;
  #running: Program | undefined;
  /** where in the log the present step begins */
  #begin = 0;

  constructor(world: World, display: Display, programs: Programs, home: string) {
    this.#world = world;
    this.#display = display;
    this.#programs = programs;
    this.#home = home;
    this.#log = join(home, "filezilla.log");
    mkdirSync(join(home, ".config/filezilla"), { recursive: true });
    writeFileSync(join(home, ".config/filezilla/filezilla.xml"), settings(this.#log));
  }

  /** Opens it with a local directory; its log begins anew for {@link logged}. */
  async open(local: string, url: string): Promise<void> {
    const command = ["filezilla", `--local=${join(this.#world.local, local)}`, url];
    const env = { ...this.#display.env, XDG_RUNTIME_DIR: join(this.#home, "run") };
    this.step();
    this.#running = this.#programs.start(
      within(this.#home, ["dbus-run-session", "--", ...command]),
      env,
    );
    await this.#display.window(MAIN);
    // More lines of the log: its lower edge, pulled down.
    await this.#display.drag(300, LOG_EDGE, LOG_EDGE + LOG_MORE);
  }

  async close(): Promise<void> {
    if (this.#running !== undefined) await this.#programs.stop(this.#running);
    await this.#display.gone(MAIN);
  }

  step(): void {
    this.#begin = this.#text().length;
  }

  #text(): string {
    try {
      return readFileSync(this.#log, "utf8");
    } catch {
      return "";
    }
  }

  /** What it logged since the step began, without dates. */
  lines(): string[] {
    const lines = this.#text().slice(this.#begin).split("\n");
    return lines.map((line) => line.replace(/^\S+ \S+ \d+ /, ""));
  }

  /** Waits for a line of the log and resolves to what it says. */
  async logged(wanted: RegExp): Promise<string> {
    const line = await until(`${wanted} in FileZilla's log`, () => {
      return this.lines().find((text) => wanted.test(text));
    });
    return line.replace(/^\d+ /, "");
  }

  listed(): Promise<string> {
    return this.logged(/Directory listing of ".*" successful/);
  }

  /** Uploads all files of the local directory, as a double click or Enter on them does. */
  async uploadAll(): Promise<void> {
    this.step();
    await this.#display.window(MAIN);
    await this.#display.click(120, FIRST_ROW + LOG_MORE);
    await this.#display.press("ctrl+a", "Return");
  }
}

async function logIn(
  filezilla: FileZilla,
  world: World,
  display: Display,
  report: Report,
): Promise<void> {
  await filezilla.open("many", world.url());
  const dialog = await display.window(UNKNOWN_KEY);
  await display.picture("filezilla-unknown-key", dialog);
  report.picture("filezilla-unknown-key", "FileZilla asks about a key that it does not know.");
  // "Always trust this host", then OK.
  await display.press("alt+a", "Return");
  report.note("log-in, unknown key accepted in its dialog", await filezilla.listed(), true);
}

async function queue(filezilla: FileZilla, world: World, report: Report): Promise<void> {
  await filezilla.uploadAll();
  const names = Array.from({ length: SMALL_FILES }, (_, at) => `file-${at + 1}.bin`);
  const isWhole = async (name: string): Promise<boolean> =>
    (await world.stored(name))?.equals(await world.source(`many/${name}`)) ?? false;
  await until("all files of the queue", async () => {
    for (const name of names) if (!(await isWhole(name))) return false;
    return true;
  });
  const starts = filezilla.lines().filter((line) => line.includes("Starting upload"));
  const used = new Set(starts.map((line) => line.split(" ")[0])).size;
  const shown = `${names.length} files whole on the server, ${used} connections at work`;
  report.note(`a queue of ${SMALL_FILES} files`, shown, used > 1);
  await filezilla.close();
}

async function overQuota(
  filezilla: FileZilla,
  world: World,
  display: Display,
  report: Report,
): Promise<void> {
  await world.fresh();
  await world.setQuota("3MB");
  await filezilla.open("big", world.url());
  await filezilla.listed();
  await filezilla.uploadAll();
  const error = await filezilla.logged(/Error:.*Quota/);
  await filezilla.logged(/Error: +File transfer failed/);
  await filezilla.listed();
  const arrived = (await world.stored("big.bin"))?.length ?? 0;
  const isRight = error.includes("Quota exceeded") && arrived <= 3_000_000 && arrived > 0;
  report.note("the quota is full", error, isRight);
  await display.picture("filezilla-quota");
  report.picture("filezilla-quota", "FileZilla after an upload that was over the quota.");
}

async function resume(
  filezilla: FileZilla,
  world: World,
  display: Display,
  report: Report,
): Promise<void> {
  await world.setQuota("20MB");
  await filezilla.uploadAll();
  const dialog = await display.window(EXISTS);
  await display.press("Down", "Down", "Down", "Down");
  await display.picture("filezilla-exists", dialog);
  report.picture(
    "filezilla-exists",
    "FileZilla asks what to do with a file that is there; Resume goes on.",
  );
  await display.press("Return");
  const at = await filezilla.logged(/restarting at file position/);
  report.note("resumed after the quota was raised", at, await isBig(world));
  await filezilla.logged(/File transfer successful/);
  // Keys get lost while the list of the server's files is read again: a new start has no such moment.
  await filezilla.close();
  await filezilla.open("big", world.url());
  await filezilla.listed();
  await filezilla.uploadAll();
  await display.window(EXISTS);
  await display.press("Return");
  const done = await filezilla.logged(/File transfer successful/);
  const isNew = !filezilla.lines().some((line) => line.includes("restarting"));
  report.note("overwritten, chosen in the dialog", done, isNew && (await isBig(world)));
  await filezilla.close();
}

async function isBig(world: World): Promise<boolean> {
  await until("the whole file", async () => (await world.stored("big.bin"))?.length === BIG_BYTES);
  return (await world.stored("big.bin"))?.equals(await world.source("big/big.bin")) ?? false;
}

async function lockedOut(filezilla: FileZilla, world: World, report: Report): Promise<void> {
  await filezilla.open("one", world.url("/archive"));
  await filezilla.logged(/Directory listing of "\/archive" successful/);
  await filezilla.uploadAll();
  const error = await filezilla.logged(/Error:/);
  const isKept = (await world.stored("archive/small.txt")) === undefined;
  report.note(
    "no permission: upload to a folder to read",
    error,
    isKept && /permission denied/i.test(error),
  );
  await filezilla.close();
}

async function serverFull(
  filezilla: FileZilla,
  world: World,
  display: Display,
  report: Report,
): Promise<void> {
  await filezilla.open("one", world.url("/", undefined, true));
  await display.window(UNKNOWN_KEY);
  await display.press("Return");
  await filezilla.logged(/Could not connect|Connection|Error:.*Critical/);
  const errors = filezilla.lines().filter((line) => /Error:/.test(line));
  const shown = errors.map((line) => line.replace(/^\d+ /, "")).join("; ");
  report.note("the server is full", shown, shown.includes("The server is full (1 session)"));
  await display.picture("filezilla-server-full");
  report.picture("filezilla-server-full", "FileZilla and a server that is full.");
  await filezilla.close();
}

/** Runs FileZilla through all of it. */
export async function driveFileZilla(
  world: World,
  display: Display,
  programs: Programs,
): Promise<Report> {
  const report = new Report("FileZilla", packageVersion("filezilla"));
  const filezilla = new FileZilla(world, display, programs, await world.home("filezilla"));
  await world.fresh();
  await logIn(filezilla, world, display, report);
  await queue(filezilla, world, report);
  await overQuota(filezilla, world, display, report);
  await resume(filezilla, world, display, report);
  await lockedOut(filezilla, world, report);
  await serverFull(filezilla, world, display, report);
  return report;
}
