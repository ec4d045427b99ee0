import { pathText } from "../access/paths.ts";
import { FsError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { type ByteString, fromText, normalize } from "../vfs/path.ts";
import { emptyTrash, findTrashed } from "../vfs/trash-search.ts";
import type { TrashedFile, UserFileSystem, UserTrash } from "../vfs/types.ts";
import { ControlError } from "./errors.ts";
import { type HomeNamed, homeNamed } from "./names.ts";
import { quoted } from "./quotas.ts";

export interface TrashControlOptions {
  readonly store: Store;
  /** who acts, for the audit trail */
  readonly actor: string;
  /** opens a home or folder alone, with no rules */
  open(home: HomeNamed): Promise<UserFileSystem>;
}

export interface TrashPage {
  readonly files: readonly TrashedFile[];
  readonly more: boolean;
}

/**
 * The trash of users' homes and of folders, which have their name with an "@". Rejects with
 * ControlError for what a person can put right. Paths are UTF-8 text.
 */
export class TrashControl {
  readonly #options: TrashControlOptions;

  constructor(options: TrashControlOptions) {
    this.#options = options;
  }

  /** The oldest first. @param after an id: what was removed later */
  list(name: string, limit: number, after?: string): Promise<TrashPage> {
    return this.#in(name, async (trash) => {
      const files: TrashedFile[] = [];
      for await (const file of trash.list(after)) {
        if (files.length === limit) return { files, more: true };
        files.push(file);
      }
      return { files, more: false };
    });
  }

  /**
   * @param what an id, or a path: of a path the newest
   * @returns where it is now
   */
  restore(
    name: string,
    what: string,
    { to, force = false }: { readonly to?: string | undefined; readonly force?: boolean } = {},
  ): Promise<string> {
    return this.#in(name, async (trash, home) => {
      const [file] = await findTrashed(trash, [isPath(what) ? inHome(what) : what]);
      if (file === undefined) throw notThere(what, name);
      const target = to === undefined ? undefined : (inHome(to) as ByteString);
      const path = await trash.restore(file.id, { to: target, replace: force });
      this.#record("restore", home, pathText(path));
      return pathText(path);
    });
  }

  /** Removes for good. @param ids without them all */
  empty(
    name: string,
    ids?: readonly string[],
  ): Promise<{ readonly files: number; readonly bytes: number }> {
    return this.#in(name, async (trash, home) => {
      const emptied = await emptyTrash(trash, ids);
      const detail = `the trash: ${emptied.files} files, ${emptied.bytes} bytes`;
      if (emptied.files > 0) this.#record("remove", home, undefined, detail);
      return emptied;
    });
  }

  async #in<T>(name: string, act: (trash: UserTrash, home: HomeNamed) => Promise<T>): Promise<T> {
    const home = await homeNamed(this.#options.store, name);
    const files = await this.#options.open(home);
    try {
      if (files.trash === undefined) throw new ControlError("nothing is kept here");
      return await act(files.trash, home);
    } catch (thrown) {
      throw thrown instanceof FsError ? told(thrown, name) : thrown;
    } finally {
      await files.close();
    }
  }

  #record(kind: "restore" | "remove", { name }: HomeNamed, path?: string, detail?: string): void {
    const { store, actor } = this.#options;
    const what = { ...(path !== undefined && { path }), ...(detail !== undefined && { detail }) };
    store.audit.record({ kind, user: name, actor, ...what });
  }
}

function isPath(what: string): boolean {
  return what.includes("/");
}

function inHome(path: string): string {
  return normalize(fromText(path));
}

function notThere(what: string, name: string): ControlError {
  return new ControlError(
    `${quoted(what)} is not in the trash: \`moorage trash ${name} list\` shows what is; a path begins with a slash`,
  );
}

function told(thrown: FsError, name: string): ControlError {
  if (thrown.code === "ENOENT") {
    return new ControlError(`that is not in the trash of ${name} any more`);
  }
  if (thrown.code === "EEXIST") {
    return new ControlError("something is there: give --force to replace it, or --to PATH");
  }
  const text = thrown.message === thrown.code ? `not possible (${thrown.code})` : thrown.message;
  return new ControlError(text);
}
