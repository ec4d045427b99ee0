import type { Writable } from "node:stream";
import { constants, createGzip, deflateRawSync, type Gzip } from "node:zlib";

const PIPES = { chunkSize: 256 * 1024, highWaterMark: 1024 * 1024 };

/** What is compressed already is stored: trying again takes 30 times as long, for nothing. */
const LEVELS = { loose: constants.Z_BEST_SPEED, dense: constants.Z_NO_COMPRESSION } as const;

export type Density = keyof typeof LEVELS;

/** A sample that gets smaller by less than this part is dense. */
const GAIN = 0.05;

export function densityOf(sample: Buffer): Density {
  const packed = deflateRawSync(sample, { level: constants.Z_BEST_SPEED }).length;
  return packed > sample.length * (1 - GAIN) ? "dense" : "loose";
}

/**
 * Compresses into a stream. Where it changes how, a new member of gzip begins (RFC 1952 section 2.2):
 * every program reads them as one.
 */
export class Packer {
  readonly #out: Writable;
  #gzip: Gzip;
  #density: Density = "loose";

  constructor(out: Writable) {
    this.#out = out;
    // Who writes is told.
    out.on("error", () => {});
    this.#gzip = this.#begin();
  }

  /** Rejects when what it writes to has failed. */
  async write(data: Buffer): Promise<void> {
    this.#check();
    if (!this.#gzip.write(data)) await this.#until(this.#gzip, "drain");
  }

  /** How what comes next is to be compressed. */
  async change(density: Density): Promise<void> {
    if (density === this.#density) return;
    await this.#finish();
    this.#density = density;
    this.#gzip = this.#begin();
  }

  async end(): Promise<void> {
    await this.#finish();
    this.#out.end();
  }

  #begin(): Gzip {
    const gzip = createGzip({ ...PIPES, level: LEVELS[this.#density] });
    gzip.pipe(this.#out, { end: false });
    return gzip;
  }

  async #finish(): Promise<void> {
    this.#check();
    this.#gzip.end();
    await this.#until(this.#gzip, "end");
  }

  /** Rejects when the output is closed before. */
  async #until(gzip: Gzip, event: "drain" | "end"): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        gzip.off(event, done);
        this.#out.off("close", done);
        resolve();
      };
      gzip.on(event, done);
      this.#out.on("close", done);
    });
    this.#check();
  }

  #check(): void {
    if (this.#out.destroyed) throw this.#out.errored ?? new Error("the output is closed");
  }
}
