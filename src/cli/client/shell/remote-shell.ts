import type { JournalEntry, Remote } from "../../../client/types.ts";
import { visible } from "../../../text/safe.ts";
import type { Workplace } from "../job.ts";
import { expand, LOCAL_TREE, remoteTree, type Tree } from "../place/glob.ts";
import { localPath, remotePath } from "../place/paths.ts";
import type { Output } from "../report/output.ts";
import type { ReportStyle } from "../report/reporter.ts";
import { unlessAborted } from "./interrupts.ts";
import type { Word } from "./words.ts";

/** A session with a server: where one is on both sides, and what commands need. */
export class RemoteShell {
  readonly place: Workplace;
  readonly style: ReportStyle;
  /** remote directory, absolute */
  directory: string;
  /** local directory, absolute */
  localDirectory: string;
  /** the unfinished transfers as they were listed last: `resume 2` means the second of these */
  unfinished: readonly JournalEntry[] = [];
  /** an error was told that did not end its command */
  complained = false;
  readonly #tree: Tree;

  constructor(place: Workplace, directory: string, localDirectory: string, style: ReportStyle) {
    this.place = place;
    this.directory = directory;
    this.localDirectory = localDirectory;
    this.style = style;
    this.#tree = remoteTree(place.connection.remote);
  }

  get remote(): Remote {
    return this.place.connection.remote;
  }

  get output(): Output {
    return this.place.output;
  }

  /** Text of our own, safe already. */
  print(line: string): void {
    this.output.out(`${line}\n`);
  }

  /** Tells what went wrong and lets the command go on; it counts as failed. */
  complain(message: string): void {
    this.complained = true;
    this.output.err(`${visible(message)}\n`);
  }

  remotePath(word: Word): string {
    return remotePath(word, this.directory, this.remote.home);
  }

  localPath(word: Word): string {
    return localPath(word, this.localDirectory);
  }

  expandRemote(words: readonly Word[]): Promise<string[]> {
    return this.#expand(words, this.#tree, (word) => this.remotePath(word));
  }

  expandLocal(words: readonly Word[]): Promise<string[]> {
    return this.#expand(words, LOCAL_TREE, (word) => this.localPath(word));
  }

  /** Waits for something that can't be stopped itself, until Ctrl-C. */
  wait<T>(work: Promise<T>): Promise<T> {
    return this.place.interrupts.during((signal) => unlessAborted(work, signal));
  }

  async #expand(words: readonly Word[], tree: Tree, place: (word: Word) => string) {
    const paths: string[] = [];
    for (const word of words) paths.push(...(await this.wait(expand(word, tree, place))));
    return paths;
  }
}
