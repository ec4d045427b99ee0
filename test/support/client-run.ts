import { Readable } from "node:stream";
import type { Engine } from "../../src/cli/client/engine.ts";
import { Person } from "../../src/cli/client/person.ts";
import type { Output } from "../../src/cli/client/report/output.ts";
import type { Surroundings } from "../../src/cli/client/session.ts";
import { Interrupts } from "../../src/cli/client/shell/interrupts.ts";
import type { CommandContext } from "../../src/cli/context.ts";

/** What a client command wrote, and where; without `columns` as into a pipe. */
export class Written implements Output {
  readonly colour = false;
  text = "";
  errors = "";
  /** in the order of writing, standard output only */
  readonly writes: string[] = [];
  width: number | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(columns?: number) {
    this.width = columns;
  }

  out(text: string): void {
    this.text += text;
    this.writes.push(text);
  }

  err(text: string): void {
    this.errors += text;
  }

  columns(): number | undefined {
    return this.width;
  }

  rows(): number {
    return 24;
  }

  onResize(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  resize(columns: number): void {
    this.width = columns;
    for (const listener of this.#listeners) listener();
  }
}

/** A client command in this process, with nobody to ask. */
export class ClientRun {
  readonly written: Written;
  readonly interrupts = new Interrupts(() => {});
  readonly context: CommandContext;
  readonly around: Surroundings;

  /** @param input lines of standard input */
  constructor(engine: Engine, input = "", columns?: number) {
    const written = new Written(columns);
    this.written = written;
    const io = {
      env: {},
      stdin: Readable.from([input]),
      out: (text: string) => written.out(text),
      err: (text: string) => written.err(text),
      colour: false,
    };
    this.context = { io, root: () => "/", isRootNamed: () => true, exitCode: 0 };
    const person = new Person(
      this.interrupts,
      (line) => written.err(`${line}\n`),
      () => undefined,
    );
    this.around = { engine, output: written, interrupts: this.interrupts, person };
  }

  get code(): number {
    return this.context.exitCode;
  }
}
