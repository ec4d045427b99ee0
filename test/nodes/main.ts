import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseSize } from "../../src/text/units.ts";
import { clone, hasCompiler, install, pathWithoutCompilers } from "./clone.ts";
import { killAll, run } from "./commands.ts";
import { installNode } from "./node.ts";
import { Place, type Sizes } from "./place.ts";
import { stepsOf } from "./steps.ts";

const USAGE = `usage: npm run test:nodes -- [options]

Installs what is committed in a clean clone with each Node.js, and uses it with the stock clients.

  --versions LIST   20,22,24,26
  --size SIZE       of the large file, 200MB
  --files N         small files, 2000
  --no-compiler     installs with the compilers taken out of PATH (22 and newer)
  --suite           runs the whole test suite instead; what follows -- goes to vitest
`;

const SUITE_SECONDS = 7_200;

interface Plan {
  readonly versions: readonly string[];
  readonly sizes: Sizes;
  readonly compiler: boolean;
  /** vitest's arguments; undefined: the steps */
  readonly suite: readonly string[] | undefined;
}

function parse(args: string[]): Plan {
  const options = {
    versions: { type: "string", default: "20,22,24,26" },
    size: { type: "string", default: "200MB" },
    files: { type: "string", default: "2000" },
    "no-compiler": { type: "boolean", default: false },
    suite: { type: "boolean", default: false },
  } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const small = Number(values.files);
  if (!Number.isInteger(small) || small < 10) throw new Error("--files: a number from 10 on");
  const versions = values.versions.split(",");
  if (!versions.every((version) => /^\d+(\.\d+){0,2}$/.test(version))) {
    throw new Error("--versions: such as 22,24.18.0");
  }
  const compiler = !values["no-compiler"];
  if (!compiler && versions.some((version) => version.split(".")[0] === "20")) {
    throw new Error("--no-compiler: Node.js 20 needs one; choose other --versions");
  }
  if (!values.suite && positionals.length > 0) throw new Error("what follows -- is for --suite");
  const sizes = { large: parseSize(values.size), small };
  return { versions, sizes, compiler, suite: values.suite ? positionals : undefined };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function timed(name: string, work: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await work();
  say(`  ${name}: ok, ${((performance.now() - begin) / 1_000).toFixed(1)} s`);
}

async function check(version: string, plan: Plan, directory: string): Promise<void> {
  const node = installNode(version, join(directory, "node"));
  say(`Node.js ${node.version}`);
  const program = join(directory, "program");
  const path = plan.compiler ? undefined : pathWithoutCompilers(join(directory, "bin"));
  clone(program);
  await timed("npm ci", () => install(node, program, path));
  if (plan.suite !== undefined) {
    const args = ["test", "--", ...plan.suite];
    const options = { cwd: program, env: node.env(path), seconds: SUITE_SECONDS, show: true };
    return timed("npm test", () => run("npm", args, options));
  }
  const place = new Place(node, program, directory, path);
  place.make(plan.sizes);
  const native = plan.compiler && hasCompiler();
  for (const step of stepsOf(native)) await timed(step.name, () => step.run(place));
}

/** @returns whether all is well on this version */
async function passes(version: string, plan: Plan): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "moorage-nodes-"));
  const clear = (): void => {
    killAll();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  const interrupted = (): void => {
    clear();
    process.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, interrupted);
  try {
    await check(version, plan, directory);
    return true;
  } catch (error) {
    say(`  FAILED on Node.js ${version}: ${(error as Error).message}`);
    return false;
  } finally {
    clear();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, interrupted);
  }
}

let plan: Plan;
try {
  plan = parse(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`test:nodes: ${(error as Error).message}\n\n${USAGE}`);
  process.exit(2);
}
const failed: string[] = [];
for (const version of plan.versions) if (!(await passes(version, plan))) failed.push(version);
say(failed.length === 0 ? "All is well." : `Failed on Node.js ${failed.join(", ")}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
