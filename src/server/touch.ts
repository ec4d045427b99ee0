import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { errorName } from "../errors.ts";
import type { Ledger } from "../quota/ledger.ts";
import { recover } from "../quota/recover.ts";
import { rescan } from "../quota/rescan.ts";
import type { Sessions } from "../session/registry.ts";
import { LOST_TOUCH } from "../store/life.ts";
import type { Store } from "../store/store.ts";
import type { Witness } from "../vfs/books.ts";
import type { SupervisorLine } from "../workers/line.ts";
import type { Chores } from "./chores.ts";

/** How often is looked whether homes have to be counted, in milliseconds. */
const LATE_MS = 1_000;
/** What the sessions of a process that has to end may take to close their files, in milliseconds. */
const CLOSING_MS = 5_000;
/** What counting the homes may take then in which something was written late. */
const COUNTING_MS = 10_000;
/** How often a supervisor looks whether it can have its row again, in milliseconds. */
const REJOIN_MS = 500;

export interface TouchOptions {
  /** the instance's directory */
  readonly root: string;
  readonly store: Store;
  readonly log: Logger;
  readonly ledger: Ledger;
  readonly chores: Chores;
  readonly sessions: Sessions;
  readonly supervisor?: SupervisorLine;
}

/**
 * What a process that serves does when it has no touch with the database, where others may take over
 * what it has: its sessions end before they do. When it comes back in time it goes on.
 * @returns resolves when others took over: this process must not use its books any more, and end
 */
export function keepTouch(options: TouchOptions): Promise<void> {
  const { store, log, ledger, sessions, chores } = options;
  if (store.life.options !== undefined) {
    chores.every(LATE_MS, "homes not counted", async () => {
      if (store.life.mayWrite) await countLate(options);
    });
  }
  return new Promise((resolve) => {
    store.life.on({
      lapsed: () => {
        log.error(
          "no touch with the database: sessions end, and nothing is written until it is back",
        );
        sessions.endAll(LOST_TOUCH);
      },
      resumed: () => {
        log.info("in touch with the database again");
        const caughtUp = store.ledger.catchUp().then(() => ledger.settleLate());
        caughtUp.catch((error: unknown) => {
          log.error({ error: errorName(error) }, "not everything is booked: tried again");
        });
      },
      ended: () => {
        log.error("others took over the homes of this process: it ends");
        void end(options).then(resolve);
      },
    });
  });
}

async function end({ supervisor, sessions, ...options }: TouchOptions): Promise<void> {
  supervisor?.leave();
  sessions.endAll(LOST_TOUCH);
  await atMost(CLOSING_MS, sessions.close(0));
  await atMost(COUNTING_MS, countLate(options));
}

/** What was handed to the disk in time and got there late may have met the count of who took over. */
async function countLate({
  root,
  store,
  log,
  ledger,
}: Pick<TouchOptions, "root" | "store" | "log" | "ledger">): Promise<void> {
  for (const id of ledger.fence.late) {
    try {
      // What ends late from here on is counted next time.
      ledger.fence.counted(id);
      const name = await store.ledger.homeName(id);
      if (name !== undefined) await rescan(store, root, { id, name });
    } catch (error) {
      ledger.fence.miss(id);
      log.error({ home: id, error: errorName(error) }, "home not counted");
    }
  }
}

async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work.catch(() => undefined), sleep(milliseconds, undefined, { ref: false })]);
}

/** A supervisor has no homes and no sessions: when it was given up it takes its row again. */
export function rejoinWhenLost(
  chores: Chores,
  { store, log }: Pick<TouchOptions, "store" | "log">,
  evidence: Witness,
): void {
  const { life } = store;
  if (life.options === undefined) return;
  chores.every(REJOIN_MS, "this server is not among the others again", async () => {
    if (!life.isEnded) return;
    await recover(store, evidence);
    if (await store.rejoin()) log.info("this server is among the others again");
  });
}
