import { FsError } from "../errors.ts";
import { measure } from "../quota/rescan.ts";
import type { Store } from "../store/store.ts";
import { count } from "../text/figures.ts";
import { existingHome } from "../vfs/homes.ts";
import { type Findings, some } from "./finding.ts";

/** How often a home is counted that changes meanwhile. */
const ATTEMPTS = 5;

interface Home {
  readonly id: number;
  readonly name: string;
}

/**
 * Compares what the books say with what is on the disk, home by home, counted as a rescan does it.
 * Changes neither.
 * @param onCounted told of each home
 */
export async function checkBooks(
  findings: Findings,
  store: Store,
  homes: readonly Home[],
  onCounted: (done: number) => void,
): Promise<void> {
  const busy: string[] = [];
  let done = 0;
  for (const home of homes) {
    try {
      if (!(await compare(findings, store, home))) busy.push(home.name);
    } catch (thrown) {
      const code = (thrown as { code?: string }).code ?? (thrown as Error).message;
      findings.error(`${home.name} can't be counted (${code})`, "run this as the instance's owner");
    }
    done += 1;
    onCounted(done);
  }
  if (busy.length > 0) {
    findings.warning(`still changing: ${some(busy)}`, "check again when less is going on");
  }
  if (findings.all.length === 0) findings.ok(`as on the disk: ${count(homes.length, "home")}`);
}

/** @returns false when the home changes all the time */
async function compare(findings: Findings, store: Store, home: Home): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const booked = await store.ledger.usage(home.id);
    const mark = await store.ledger.mark(home.id);
    const held = await store.ledger.held(home.id);
    const found = await measure(existingHome(store.ledger.root, home.name), held).catch(whenMoved);
    await store.leases.exact(home.id);
    if (found === undefined || (await store.ledger.mark(home.id)) !== mark) continue;
    const { usedBytes, usedFiles } = booked;
    if (found.bytes === usedBytes && found.files === usedFiles) return true;
    findings.error(
      `${home.name}: booked ${usedBytes} bytes in ${usedFiles} files, on the disk ${found.bytes} in ${found.files}`,
      `moorage usage ${home.name} --rescan`,
    );
    return true;
  }
  return false;
}

function whenMoved(thrown: unknown): undefined {
  if (!(thrown instanceof FsError && thrown.code === "EBUSY")) throw thrown;
}
