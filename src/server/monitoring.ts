import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { connect, type ListenOptions } from "node:net";
import { basename, dirname, join } from "node:path";
import type { Logger } from "pino";
import { parseMetricsAddress } from "../config/listen.ts";
import type { Config } from "../config/types.ts";
import type { Control } from "../control/protocol.ts";
import { errorName } from "../errors.ts";
import { MetricsEndpoint, type Pages, plainPage } from "../metrics/endpoint.ts";

export interface MonitoringOptions {
  /** the instance's directory */
  readonly root: string;
  /** in force: `metrics.listen` may change */
  readonly config: Pick<Config, "metrics">;
  readonly log: Logger;
  readonly control: () => Control;
}

/** Serves metrics where the settings say, or nowhere. */
export class Monitoring {
  readonly #options: MonitoringOptions;
  /** where it serves, or last tried to */
  #listen = "";
  #endpoint: MetricsEndpoint | undefined;
  /** below the instance */
  #socket: string | undefined;
  #problem = "";
  #looking: Promise<void> | undefined;

  constructor(options: MonitoringOptions) {
    this.#options = options;
  }

  /** Follows the settings. An address that is taken is tried again; the log says so once. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { listen } = this.#options.config.metrics;
    if (listen !== this.#listen) await this.#close();
    this.#listen = listen;
    const address = parseMetricsAddress(listen);
    if (address === undefined || this.#endpoint !== undefined) return;
    const { log } = this.#options;
    try {
      if ("path" in address) await this.#listenAt(address.path);
      else await this.#open(address);
      this.#problem = "";
    } catch (error) {
      const problem = errorName(error);
      if (problem === this.#problem) return;
      this.#problem = problem;
      log.error({ listen, error: problem }, "metrics are not served: tried again until they are");
    }
  }

  async #open(where: ListenOptions): Promise<void> {
    const { log } = this.#options;
    const onError = (error: unknown): void => {
      log.error({ error: errorName(error) }, "figures not collected");
    };
    const endpoint = new MetricsEndpoint(pagesOf(this.#options.control()), onError);
    const port = await endpoint.listen(where);
    this.#endpoint = endpoint;
    log.info({ listen: this.#listen, ...(port > 0 && { port }) }, "metrics are served");
  }

  /** Made where nobody can reach it and moved to its place when its modes are right. */
  async #listenAt(path: string): Promise<void> {
    const place = join(this.#options.root, path);
    if (lstatSync(place, { bigint: true, throwIfNoEntry: false }) !== undefined) {
      await removeDead(place);
    }
    const made = mkdtempSync(join(dirname(place), ".metrics-"));
    try {
      const hidden = join(made, basename(place));
      await this.#open({ path: hidden });
      chmodSync(hidden, 0o660);
      renameSync(hidden, place);
      this.#socket = place;
    } catch (error) {
      await this.#endpoint?.close();
      this.#endpoint = undefined;
      throw error;
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.#looking;
    await this.#close();
  }

  async #close(): Promise<void> {
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    if (this.#socket !== undefined) rmSync(this.#socket, { force: true });
    this.#socket = undefined;
    await endpoint?.close();
  }
}

/** What a server that was killed left behind. Rejects for anything else. */
async function removeDead(path: string): Promise<void> {
  if (!lstatSync(path, { bigint: true }).isSocket()) throw failure("EEXIST");
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true));
    socket.once("connect", () => socket.destroy());
    socket.once("error", () => resolve(false));
  });
  if (isAlive) throw failure("EADDRINUSE");
  rmSync(path, { force: true });
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function pagesOf(control: Control): Pages {
  return {
    "/metrics": async () => ({ status: 200, ...(await control.call("metrics", {})) }),
    "/healthz": async () => {
      const { login, write } = await control.call("health", {});
      const status = login === "ok" && write === "ok" ? 200 : 503;
      return plainPage(status, `login ${login}\nwrite ${write}\n`);
    },
  };
}
