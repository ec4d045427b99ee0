import type { Logger } from "pino";
import { FactorKey } from "../auth/factor-key.ts";
import { Factors } from "../auth/factors.ts";
import type { EffectiveSetting } from "../config/load.ts";
import type { Config } from "../config/types.ts";
import { LiveSettings } from "../control/settings.ts";
import { Deliverer } from "../events/deliverer.ts";
import { Ledger } from "../quota/ledger.ts";
import { lookAtMarks } from "../quota/marks.ts";
import { Rates } from "../rates/rates.ts";
import { descriptorLimit, withFittedLimits } from "../session/fitted-limits.ts";
import type { Store } from "../store/store.ts";
import type { ListeningSocket } from "../transport/listening-socket.ts";
import { Evidence } from "../vfs/evidence.ts";
import { Space } from "../vfs/space.ts";
import type { SupervisorLine } from "../workers/line.ts";
import { shareOf } from "../workers/share.ts";
import { DescriptorWatch } from "./descriptor-watch.ts";
import { DiskWatch } from "./disk-watch.ts";
import { quotaCrossed } from "./quota-warning.ts";

export interface PartsOptions {
  /** the instance's directory */
  readonly root: string;
  readonly config: Config;
  readonly store: Store;
  readonly log: Logger;
  /** how many share what a server may have; default: this process has it all */
  readonly workers?: number;
  /** the settings as their sources have them now, or would with that text as moorage.toml; without it a reload changes nothing */
  readonly readSettings?: (file?: string) => readonly EffectiveSetting[];
  /** listens already; without it what the settings say is listened on */
  readonly socket?: ListeningSocket | undefined;
  /** gives this process its connections; without it the process listens itself */
  readonly supervisor?: SupervisorLine;
}

/** What a server stands on: settings, books, and what the machine gives. */
export interface Parts {
  readonly settings: LiveSettings;
  /** in force: fitted to the machine */
  readonly config: Config;
  readonly ledger: Ledger;
  /** what the disk shows of what processes that died were doing */
  readonly evidence: Evidence;
  readonly descriptors: DescriptorWatch;
  readonly disks: DiskWatch;
  readonly space: Space;
  /** how fast files may move */
  readonly rates: Rates;
  /** whether users went over a mark of their quotas; after the books were told to the store */
  lookAtQuotas(): Promise<void>;
  readonly factorKey: FactorKey;
  readonly factors: Factors;
  /** tells others of events: in one process of a server it is started */
  readonly events: Deliverer;
}

export function makeParts(options: PartsOptions): Parts {
  const { root, config: set, store, log, readSettings, workers = 1 } = options;
  const settings = new LiveSettings(set, readSettings);
  const limit = descriptorLimit();
  const shared = shareOf(settings.config, workers);
  const config = withFittedLimits(shared, limit);
  const evidence = new Evidence(store.ledger);
  const ledger = new Ledger(store, evidence, { holds: true });
  const factorKey = new FactorKey(root, store.factors);
  const space = new Space(() => config.limits.freeSpaceFloor);
  return {
    settings,
    config,
    ledger,
    evidence,
    descriptors: new DescriptorWatch(log, limit, shared),
    disks: new DiskWatch(root, log, space, store.reserve),
    space,
    rates: makeRates(config, options.supervisor),
    lookAtQuotas: () =>
      lookAtMarks(ledger, store.quotaMarks, (crossing) => quotaCrossed(store.audit, crossing)),
    factorKey,
    factors: new Factors({ store, key: factorKey, settings: config.login }),
    events: new Deliverer({
      root,
      store,
      log,
      env: process.env,
      receivers: () => config.events.receivers,
    }),
  };
}

/** A worker has what its supervisor gives it of each rate. */
function makeRates({ limits }: Config, supervisor: SupervisorLine | undefined): Rates {
  const rates = new Rates(supervisor && { say: (wants) => supervisor.want(wants) });
  if (supervisor !== undefined) supervisor.onShares = (shares) => rates.take(shares);
  rates.setServer(limits);
  return rates;
}
