import { join } from "node:path";
import { LogFiles } from "../trail/files.ts";
import { type Outlet, OutletFeed } from "../trail/outlet.ts";
import { syslogOutlet } from "../trail/syslog.ts";
import type { Chores } from "./chores.ts";
import type { PartsOptions } from "./parts.ts";

/** How late a record may come to files and collectors, in milliseconds. */
const FEED_MS = 500;

/** Writes the audit trail to files and tells it to a collector, as the settings are at the time. */
export function passOnTrail(chores: Chores, { root, config, store }: PartsOptions): void {
  const { audit } = config;
  const limits = () => ({ size: audit.fileSize, age: audit.fileAge, keep: audit.fileKeep });
  const outputs: readonly [string, () => string, (place: string) => Outlet][] = [
    ["files", () => audit.files, (place) => new LogFiles(join(root, place), limits)],
    ["syslog", () => audit.syslog, syslogOutlet],
  ];
  for (const [name, setting, make] of outputs) {
    /** undefined: not in force yet */
    let place: string | undefined;
    let feed: OutletFeed | undefined;
    const follow = async (wanted: string): Promise<void> => {
      feed?.close();
      feed = wanted === "" ? undefined : new OutletFeed(name, store, make(wanted));
      // Should somebody want it again, it begins with what is new then.
      if (feed === undefined) await store.auditOutputs.forget(name);
      place = wanted;
    };
    chores.every(FEED_MS, `audit not passed on to ${name}`, async () => {
      if (setting() !== place) await follow(setting());
      await feed?.feed();
    });
  }
}
