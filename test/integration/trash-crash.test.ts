import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { recover } from "../../src/quota/recover.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { isId, TRASH } from "../../src/vfs/trash-names.ts";
import { KeepingDesk } from "../support/keeping.ts";

const CHILD = fileURLToPath(new URL("../support/trash-crash-child.mjs", import.meta.url));
/** More changes of the disk than any step makes: then the step is done and nothing is killed in it. */
const MOST_CHANGES = 12;
const QUOTA = 40;

/** What was put somewhere is somewhere still, unless room was needed for it. */
interface Case {
  readonly steps: readonly string[];
  /** contents that must be there: at a name or in the trash */
  readonly kept: readonly string[];
  /** what may stand at /a afterwards; "": nothing */
  readonly atA: readonly string[];
}

const CASES: readonly (readonly [string, Case])[] = [
  ["a removal", { steps: ["put /a one", "remove /a"], kept: ["one"], atA: ["one", ""] }],
  [
    "a rename over a file",
    {
      steps: ["put /a one", "put /b second", "rename /b /a"],
      kept: ["one", "second"],
      atA: ["one", "second"],
    },
  ],
  [
    "a rename over a file, from one that is open",
    {
      steps: ["put /a one", "put /b second", "hold /b", "rename /b /a"],
      kept: ["one", "second"],
      atA: ["one", "second"],
    },
  ],
  [
    "an upload over a file",
    { steps: ["put /a one", "put /a second"], kept: ["one"], atA: ["one", "", "second"] },
  ],
  [
    "making room",
    {
      steps: [`put /a ${"x".repeat(30)}`, "remove /a", `put /c ${"y".repeat(20)}`],
      kept: [],
      atA: [""],
    },
  ],
  [
    "a restoration over a file",
    {
      steps: ["put /a one", "remove /a", "put /a second", "restore /a"],
      kept: ["one", "second"],
      atA: ["one", "second"],
    },
  ],
];

/** @returns whether it was killed in its last step */
async function killed(root: string, holds: boolean, at: number, steps: readonly string[]) {
  const args = [CHILD, root, holds ? "holds" : "shared", String(at), ...steps];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  expect(["SIGKILL", "SIGTERM"]).toContain(signal);
  return signal === "SIGKILL";
}

describe.each(CASES)("killed in %s", (_name, { steps, kept, atA }) => {
  test.each([true, false])("the books are exact and nothing is lost (held: %s)", async (holds) => {
    for (let at = 1; at <= MOST_CHANGES; at += 1) {
      const desk = await KeepingDesk.create({ holds: false });
      try {
        await desk.account("ann", { quotaBytes: QUOTA });
        const { root, store } = desk.instance;
        const wasKilled = await killed(root, holds, at, steps);
        await recover(store, new Evidence(store.ledger));
        await desk.expectExact();
        const found = contents(desk);
        expect(atA).toContain(found.names.get("a") ?? "");
        const all = [...found.names.values(), ...found.trash];
        expect(all).toEqual(expect.arrayContaining([...kept]));
        // Nothing is there twice.
        expect(all.filter((text) => kept.includes(text))).toHaveLength(kept.length);
        expect(wasKilled || at > 1).toBe(true);
        if (!wasKilled) break;
        expect(at).toBeLessThan(MOST_CHANGES);
      } finally {
        await desk.close();
      }
    }
  });
});

function contents(desk: KeepingDesk) {
  const names = readdirSync(desk.path(), { withFileTypes: true }).filter((one) => one.isFile());
  return {
    names: new Map(names.map(({ name }) => [name, readFileSync(desk.path(name), "utf8")])),
    trash: desk
      .inTrash()
      .filter(isId)
      .map((name) => readFileSync(desk.path(TRASH, name), "utf8")),
  };
}
