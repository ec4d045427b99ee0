import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../config/errors.ts";
import { readSettings, toConfig } from "../config/load.ts";
import type { Config } from "../config/types.ts";
import { type Owner, openSecrets } from "../control/secrets.ts";
import { ownerFor, serverIdentity } from "../control/server-user.ts";
import { InstanceError } from "../errors.ts";
import { MARK, refuseUnfinished } from "../store/belongings.ts";
import { type Inspection, inspectDatabase } from "../store/inspection.ts";
import { count } from "../text/figures.ts";
import { decodeName } from "../text/names.ts";
import { type Findings, some } from "./finding.ts";

const RESTORE = "restore it from a backup (`moorage restore`)";
const HOST_KEY = /^ssh_host_\w+_key$/;
const HOST_KEY_VARIABLE = /^MOORAGE_HOST_KEY_/;

/** The settings in force; undefined when there are none that could be. */
export function checkSettings(
  findings: Findings,
  root: string,
  env: Readonly<Record<string, string | undefined>>,
): Config | undefined {
  try {
    const settings = readSettings({ root, env });
    const given = settings.filter(({ origin }) => origin !== "default").length;
    findings.ok(`moorage.toml and MOORAGE_…: ${count(given, "setting")}`);
    return toConfig(settings);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    for (const problem of thrown.problems) {
      findings.error(problem, "put it right; `moorage config check` shows what is in force");
    }
    return undefined;
  }
}

/** What is in the database; undefined when it can't be read. */
export function checkDatabase(
  findings: Findings,
  root: string,
  schema: number,
): Inspection | undefined {
  try {
    refuseUnfinished(root);
    const found = inspectDatabase(root, schema);
    checkContent(findings, found);
    return found;
  } catch (thrown) {
    if (thrown instanceof InstanceError) findings.error(thrown.message, "");
    else findings.error(...unreadable(thrown));
    return undefined;
  }
}

function unreadable(thrown: unknown): [text: string, todo: string] {
  const code = (thrown as { code?: string }).code ?? "unknown";
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return ["db/moorage.sqlite is damaged", RESTORE];
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return ["db/moorage.sqlite is busy", "another program has its lock: end that, check again"];
  }
  return [`db/moorage.sqlite can't be read (${code})`, "run this as the instance's owner"];
}

function checkContent(findings: Findings, { damage, orphans, schema, homes }: Inspection): void {
  for (const line of damage) findings.error(`db/moorage.sqlite is damaged: ${line}`, RESTORE);
  if (orphans.length > 0) {
    findings.error(`rows in ${some(orphans)} belong to nothing`, RESTORE);
  }
  if (damage.length + orphans.length > 0) return;
  findings.ok(`whole, schema ${schema}, ${count(homes.length, "home")}`);
}

/** Whether others can read, or own, what a server would refuse to start with. */
export function checkSecrets(findings: Findings, root: string, config: Config | undefined): void {
  const db = statSync(join(root, "db"), { throwIfNoEntry: false });
  if (db === undefined) return;
  let owner: Owner = { uid: db.uid, name: `${db.uid}`, alone: false };
  try {
    const identity = config && serverIdentity(config.server);
    if (identity !== undefined) owner = ownerFor(identity);
  } catch (thrown) {
    findings.error((thrown as Error).message, "put server.user right");
  }
  for (const { text, todo } of openSecrets(root, owner)) findings.error(text, todo);
  if (findings.all.length === 0) findings.ok("keys/ and db/ are the server's user's alone");
}

/** @param keyed whether the instance has had host keys */
export function checkKeys(
  findings: Findings,
  {
    root,
    env,
  }: { readonly root: string; readonly env: Readonly<Record<string, string | undefined>> },
  keyed: boolean,
): void {
  if (Object.entries(env).some(([name, value]) => HOST_KEY_VARIABLE.test(name) && value)) {
    findings.ok("the environment has the host keys");
    return;
  }
  const directory = join(root, "keys");
  const isThere = lstatSync(directory, { throwIfNoEntry: false }) !== undefined;
  const names = isThere ? readdirSync(directory).filter((name) => HOST_KEY.test(name)) : [];
  if (names.length === 0) {
    missingKeys(findings, keyed);
    return;
  }
  for (const name of names) checkKey(findings, join(directory, name), name);
  if (findings.all.length === 0) findings.ok(count(names.length, "host key"));
}

function missingKeys(findings: Findings, keyed: boolean): void {
  if (keyed) findings.error("the host keys are not in keys/", "mount or restore keys/");
  else findings.ok("no host keys yet: the first start makes them");
}

function checkKey(findings: Findings, path: string, name: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) findings.error(`keys/${name} leads nowhere`, "restore it");
  else if (!/^-----BEGIN /.test(readStart(path))) {
    findings.error(`keys/${name} is no private key`, "restore it from a backup");
  }
}

function readStart(path: string): string {
  try {
    return readFileSync(path, "latin1").slice(0, 64);
  } catch {
    return "";
  }
}

/** Whether homes/ is of this database, and each home where it has to be. */
export function checkHomes(
  findings: Findings,
  root: string,
  { instance, homes }: Inspection,
): void {
  if (!checkMark(findings, root, instance)) return;
  const names = new Set(homes.map(({ name }) => name));
  for (const { name, usedFiles } of homes) checkHome(findings, root, name, usedFiles);
  const found = readdirSync(join(root, "homes"), { encoding: "buffer" }).map(decodeName);
  const unowned = found.filter(
    (name) => !name.startsWith(".") && name !== "lost+found" && !names.has(name),
  );
  if (unowned.length > 0) {
    const todo = "a new user or folder of that name gets the files; else move them away";
    findings.warning(`nobody's: ${some(unowned.sort().map((name) => `homes/${name}`))}`, todo);
  }
  if (findings.all.length === 0) findings.ok(count(homes.length, "home"));
}

function checkMark(findings: Findings, root: string, { id, marked }: Inspection["instance"]) {
  let mark: string | undefined;
  try {
    mark = readFileSync(join(root, "homes", MARK), "latin1").trim();
  } catch {
    // Told below.
  }
  if (mark === id) return true;
  if (mark !== undefined) {
    findings.error("homes/ belongs to another instance than db/", "mount or restore both of one");
  } else if (marked) {
    findings.error(`homes/${MARK} is missing`, "homes/ may be a disk that is not mounted");
  } else findings.ok("no homes yet");
  return false;
}

function checkHome(findings: Findings, root: string, name: string, usedFiles: number): void {
  const stat = lstatSync(join(root, "homes", name), { throwIfNoEntry: false });
  if (stat?.isDirectory()) return;
  if (stat !== undefined) {
    const what = stat.isSymbolicLink() ? "a symbolic link" : "no directory";
    findings.error(`homes/${name} is ${what}`, "move it away; a disk can be mounted there");
  } else if (usedFiles > 0) {
    const todo = `mount or restore it; if lost: moorage usage ${name} --rescan`;
    findings.error(`homes/${name} is missing, and should have ${count(usedFiles, "file")}`, todo);
  }
}
