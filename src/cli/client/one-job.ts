import { resolve } from "node:path";
import { checkSources } from "../../client/transfer/source.ts";
import type { Direction, Target, TransferJob } from "../../client/types.ts";
import { UsageError } from "../../shell/errors.ts";
import type { CommandContext } from "../context.ts";
import type { Engine } from "./engine.ts";
import { CLIENT_EXIT, ENDED_EXIT } from "./exit.ts";
import { runReported, type Workplace } from "./job.ts";
import type { CommonFlags, SyncFlags, TransferFlags } from "./options.ts";
import { exactNames } from "./place/exact-names.ts";
import { expand, remoteTree } from "./place/glob.ts";
import { asTyped, remotePath } from "./place/paths.ts";
import { runSession, type Surroundings } from "./session.ts";
import { unlessAborted } from "./shell/interrupts.ts";
import type { Word } from "./shell/words.ts";

interface Plan {
  readonly target: Target;
  /** what is to be transferred, as typed, and where to */
  readonly sources: readonly string[];
  readonly to: string;
}

/** `moorage put LOCAL... [user@]host:[PATH]` */
export async function put(
  context: CommandContext,
  names: readonly string[],
  flags: TransferFlags,
  given?: Surroundings,
): Promise<void> {
  const prepare = (engine: Engine): Plan => {
    const sources = names.slice(0, -1);
    const last = names.at(-1) ?? "";
    if (!engine.isRemote(last))
      throw new UsageError(`${last}: the last name must be the target, [user@]host:[path]`);
    const wrong = sources.find((name) => engine.isRemote(name));
    if (wrong !== undefined) {
      throw new UsageError(
        `${wrong}: is remote; \`put\` sends local files (./NAME is always local)`,
      );
    }
    if (sources.length === 0) throw new UsageError("name a local file, and [user@]host:[path]");
    const target = engine.parseTarget(last);
    const exact = exactNames(sources).map((name) => asTyped(resolve(name), name));
    checkSources(exact, flags.recursive === true);
    return { target, sources: exact, to: target.path ?? "" };
  };
  await runSession(
    context,
    flags,
    prepare,
    (place, { sources, to }, person) => {
      // Nothing more is asked: Ctrl-C and Ctrl-Z are the terminal's again.
      person.release();
      const { home } = place.connection.remote;
      const target = to === "" ? home : remotePath(wordOf(to), home, home);
      return finish(place, { ...asAsked(flags), direction: "up", sources, target }, flags);
    },
    given,
  );
}

/** `moorage get [user@]host:PATH... [LOCAL]` */
export async function get(
  context: CommandContext,
  names: readonly string[],
  flags: TransferFlags,
  given?: Surroundings,
): Promise<void> {
  const prepare = (engine: Engine): Plan => {
    const last = names.at(-1) ?? "";
    const hasLocal = names.length > 1 && !engine.isRemote(last);
    const remotes = (hasLocal ? names.slice(0, -1) : names).map((name) => {
      if (engine.isRemote(name)) return engine.parseTarget(name);
      throw new UsageError(
        `${name}: is local; \`get\` takes [user@]host:path, and the target last`,
      );
    });
    const [target] = remotes;
    if (target === undefined) throw new UsageError("name what to get: [user@]host:path");
    const sources = remotes.map((one) => {
      if (!sameServer(one, target)) throw new UsageError("the files are on different servers");
      if (one.path === undefined) throw new UsageError(`${one.host}: which file? host:path`);
      return one.path;
    });
    const to = hasLocal ? last : ".";
    return { target, sources, to: asTyped(resolve(to), to) };
  };
  await runSession(
    context,
    flags,
    prepare,
    async (place, { sources, to }, person) => {
      person.release();
      const paths = await place.interrupts.during((signal) =>
        unlessAborted(expandAll(place, sources), signal),
      );
      return finish(
        place,
        { ...asAsked(flags), direction: "down", sources: paths, target: to },
        flags,
      );
    },
    given,
  );
}

function common(flags: CommonFlags) {
  return {
    verify: flags.verify,
    parallel: flags.jobs,
    ...(flags.exclude !== undefined && { exclude: flags.exclude }),
    ...(flags.dryRun !== undefined && { dryRun: flags.dryRun }),
    ...(flags.limitRate !== undefined && { limitRate: flags.limitRate }),
  };
}

function asAsked(flags: TransferFlags) {
  return {
    ...common(flags),
    recursive: flags.recursive === true,
    preserve: flags.preserve === true,
    resume: flags.resume !== false,
  };
}

/** `moorage sync SOURCE TARGET`, of which one is [user@]host:[PATH]. */
export async function sync(
  context: CommandContext,
  [source = "", target = ""]: readonly string[],
  flags: SyncFlags,
  given?: Surroundings,
): Promise<void> {
  const rules = { remove: flags.delete === true, checksum: flags.checksum === true };
  const kept = { recursive: true, preserve: true, resume: true, sync: rules };
  await runSession(
    context,
    flags,
    (engine) => planSync(engine, source, target),
    (place, { direction, sources, to }, person) => {
      person.release();
      const { home } = place.connection.remote;
      const far = (path: string): string =>
        path === "" ? home : remotePath(wordOf(path), home, home);
      const [from = ""] = sources;
      const paths =
        direction === "up"
          ? { sources, target: far(to) }
          : { sources: [asTyped(far(from), from)], target: to };
      return finish(place, { ...common(flags), ...kept, direction, ...paths }, flags);
    },
    given,
  );
}

function planSync(engine: Engine, source: string, target: string): Plan & { direction: Direction } {
  const up = engine.isRemote(target);
  if (up === engine.isRemote(source)) {
    throw new UsageError("one of the two must be [user@]host:[path], and the other one local");
  }
  const remote = engine.parseTarget(up ? target : source);
  if (up) {
    const [name = ""] = exactNames([source]);
    const sources = [asTyped(resolve(name), name)];
    checkSources(sources, true);
    return { direction: "up", target: remote, sources, to: remote.path ?? "" };
  }
  if (remote.path === undefined) throw new UsageError(`${source}: which directory? host:path`);
  const to = asTyped(resolve(target), target);
  return { direction: "down", target: remote, sources: [remote.path], to };
}

async function finish(place: Workplace, job: TransferJob, flags: CommonFlags): Promise<number> {
  const style = flags.json ? "json" : flags.quiet ? "quiet" : "auto";
  const outcome = await runReported(place, job, style);
  if (outcome === "cancelled") return CLIENT_EXIT.cancelled;
  if (outcome === "ended") return ENDED_EXIT;
  return outcome === "failed" ? CLIENT_EXIT.failed : CLIENT_EXIT.ok;
}

function sameServer(one: Target, other: Target): boolean {
  return one.host === other.host && one.user === other.user && one.port === other.port;
}

/** Patterns, as scp takes them; but a file that has the very name is meant first. */
async function expandAll(place: Workplace, texts: readonly string[]): Promise<string[]> {
  const { remote } = place.connection;
  const tree = remoteTree(remote);
  const placed = (word: Word) => remotePath(word, remote.home, remote.home);
  const paths: string[] = [];
  for (const text of texts) {
    const word = wordOf(text);
    const path = placed(word);
    const literal = !/[*?[]/.test(text) || (await tree.exists(path));
    if (literal) paths.push(asTyped(path, text));
    else {
      const found = await expand({ ...word, pattern: text }, tree, placed);
      paths.push(...found.map((path) => asTyped(path, text)));
    }
  }
  return paths;
}

/** A path of the command line: the user's shell has taken its quotes away. */
function wordOf(text: string): Word {
  return { text, pattern: undefined, home: /^~(\/|$)/.test(text) };
}
