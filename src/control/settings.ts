import { type EffectiveSetting, toConfig } from "../config/load.ts";
import { ALL_SETTINGS, type NamedSetting } from "../config/settings.ts";
import type { Config } from "../config/types.ts";
import { fixedBy, kindHere } from "./changeable.ts";
import type { ListedSettings } from "./host.ts";
import type { ReloadResult, SettingInfo } from "./protocol.ts";

/** Read once, when the server starts; everything else is asked for at each use. */
const NEED_RESTART: ReadonlySet<string> = new Set([
  "server.host",
  "server.port",
  "server.workers",
  "server.user",
  "server.group",
  "limits.memory",
  "log.file",
  "log.format",
]);
const SECTIONS_NEED_RESTART: ReadonlySet<string> = new Set(["auth", "digests", "store"]);

function needsRestart({ named }: EffectiveSetting): boolean {
  return NEED_RESTART.has(named.name) || SECTIONS_NEED_RESTART.has(named.section);
}

/** What a supervisor has no use for itself: workers that start take it as it is then. */
function isOfWorkers({ named }: EffectiveSetting): boolean {
  return named.name === "limits.memory" || named.section === "digests";
}

type Writable = Record<string, Record<string, unknown>>;

/** The settings in force in a server process, some of which change while it runs. */
export class LiveSettings implements ListedSettings {
  /** always the settings in force: who must follow them asks at each use */
  readonly config: Config;
  readonly #read: (file?: string) => readonly EffectiveSetting[];
  /** what a restart would put in force */
  #waiting: ReadonlyMap<NamedSetting, unknown> = new Map();
  #settings: readonly EffectiveSetting[];

  /**
   * @param config in force at the start
   * @param read the settings as their sources have them now, or would with that text as moorage.toml
   */
  constructor(
    config: Config,
    read: (file?: string) => readonly EffectiveSetting[] = () => unsourced(config),
  ) {
    this.config = structuredClone(config);
    this.#read = read;
    const origins = new Map(read().map(({ named, origin }) => [named, origin]));
    this.#settings = unsourced(config).map((setting) => ({
      ...setting,
      origin: origins.get(setting.named) ?? setting.origin,
    }));
  }

  list(): readonly SettingInfo[] {
    return this.#settings.map((setting) => {
      const { named, origin, value } = setting;
      const { description, format, options } = named.setting;
      const isWaiting = this.#waiting.has(named);
      return {
        name: named.name,
        value: format(value),
        source: origin,
        restart: needsRestart(setting),
        waiting: isWaiting ? format(this.#waiting.get(named)) : null,
        default: format(named.setting.default),
        kind: kindHere(named),
        description,
        options: options ?? null,
        fixed: fixedBy(named.name, origin) ?? "",
      };
    });
  }

  readNow(file?: string): readonly EffectiveSetting[] {
    return this.#read(file);
  }

  /**
   * Reads the sources again and puts in force what can be.
   * @param areRenewed all workers have just been started, with what they use alone
   * @throws ConfigError when they are wrong: then nothing changes
   */
  reload(areRenewed = false): ReloadResult {
    const applied: string[] = [];
    const needRestart: string[] = [];
    const now = new Map(this.#read().map((setting) => [setting.named, setting]));
    const waiting = new Map<NamedSetting, unknown>();
    this.#settings = this.#settings.map((before) => {
      const after = now.get(before.named) ?? before;
      if (same(before.value, after.value)) return after;
      const isLate = needsRestart(before) && !(areRenewed && isOfWorkers(before));
      (isLate ? needRestart : applied).push(before.named.name);
      if (!isLate) return after;
      waiting.set(before.named, after.value);
      return before;
    });
    this.#waiting = waiting;
    const config = toConfig(this.#settings) as unknown as Writable;
    for (const [section, values] of Object.entries(config)) {
      Object.assign((this.config as unknown as Writable)[section] ?? {}, values);
    }
    return { applied, needRestart };
  }
}

function unsourced(config: Config): EffectiveSetting[] {
  return ALL_SETTINGS.map((named) => ({
    named,
    value: (config as unknown as Writable)[named.section]?.[named.key],
    origin: "the program",
  }));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
