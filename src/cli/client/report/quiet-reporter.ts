import type { TransferEvent } from "../../../client/types.ts";
import { visible } from "../../../text/safe.ts";
import type { Output } from "./output.ts";
import type { Reporter } from "./reporter.ts";

/** Errors only. */
export class QuietReporter implements Reporter {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  event(event: TransferEvent): void {
    if (event.type === "failed") this.#output.err(`${visible(event.message)}\n`);
  }

  notice(): void {}

  summary(): void {}

  stop(): void {}
}
