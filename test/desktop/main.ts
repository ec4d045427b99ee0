import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEEDS as COMMANDER, driveCommander } from "./commander.ts";
import { Display } from "./display.ts";
import { driveFileZilla, NEEDS as FILEZILLA } from "./filezilla.ts";
import { driveGio, NEEDS as GIO } from "./gio.ts";
import { writePage } from "./page.ts";
import { has, Programs } from "./programs.ts";
import type { Report } from "./report.ts";
import { openWorld, type World } from "./world.ts";

const USAGE = `usage: npm run test:desktop -- [filezilla] [gio] [mc]

Drives desktop programs that are installed against a server of its own, checks what lies on the
server's disk and what the programs show. Needs root on Linux: each program gets a home of its own.
All of them in one run write docs/desktop-clients.md and the pictures in docs/pictures/desktop.
`;

interface Candidate {
  readonly name: string;
  readonly needs: readonly string[];
  /** whether it draws */
  readonly onDisplay: boolean;
  drive(world: World, programs: Programs, display: Display): Promise<Report>;
}

const CANDIDATES: readonly Candidate[] = [
  {
    name: "filezilla",
    needs: FILEZILLA,
    onDisplay: true,
    drive: (world, programs, display) => driveFileZilla(world, display, programs),
  },
  { name: "gio", needs: GIO, onDisplay: false, drive: driveGio },
  { name: "mc", needs: COMMANDER, onDisplay: false, drive: driveCommander },
];

function chosen(names: readonly string[]): readonly Candidate[] {
  const unknown = names.find((name) => !CANDIDATES.some((candidate) => candidate.name === name));
  if (unknown !== undefined) throw new Error(`${unknown}?\n${USAGE}`);
  return CANDIDATES.filter(({ name }) => names.length === 0 || names.includes(name));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Drives one; an error is a finding, so that the others have their turn. */
async function drive(candidate: Candidate, world: World): Promise<Report | undefined> {
  const missing = candidate.needs.filter((program) => !has(program));
  if (missing.length > 0) {
    say(`${candidate.name}: not run, missing: ${missing.join(", ")}`);
    return undefined;
  }
  say(candidate.name);
  const programs = new Programs();
  const display = candidate.onDisplay ? Display.start(programs) : undefined;
  try {
    return await candidate.drive(world, programs, (await display) as Display);
  } catch (error) {
    await (await display)?.picture(join(tmpdir(), `${candidate.name}-failed`));
    throw error;
  } finally {
    await programs.stopAll();
  }
}

async function main(names: readonly string[]): Promise<boolean> {
  if (process.getuid?.() !== 0) throw new Error(USAGE);
  const candidates = chosen(names);
  const world = await openWorld();
  const reports: Report[] = [];
  let isRight = true;
  try {
    for (const candidate of candidates) {
      try {
        const report = await drive(candidate, world);
        if (report !== undefined) reports.push(report);
      } catch (error) {
        isRight = false;
        say(`  WRONG  ${candidate.name}: ${String(error)}`);
      }
    }
  } finally {
    await world.stop();
  }
  isRight &&= reports.every((report) => report.isRight);
  if (isRight && reports.length === CANDIDATES.length) writePage(reports);
  return isRight;
}

// Sockets of clients that were ended may stay open for a while.
process.exit((await main(process.argv.slice(2))) ? 0 : 1);
