import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 150;
const PATIENCE_MS = 45_000;

/**
 * Looks until there is something, and resolves to it.
 * @param what for the error: "the window of the host key"
 * @throws Error after 45 seconds
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not come`);
    await sleep(LOOK_MS);
  }
}
