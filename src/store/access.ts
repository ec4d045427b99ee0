import type { AccessMode } from "../access/modes.ts";
import type { Connection, Statement } from "./connection.ts";
import type { AccessRule, FolderShare, OwnedRule, Share, Subject } from "./types.ts";
import type { Writes } from "./writes.ts";

interface ShareRow {
  readonly folderId: number;
  readonly folder: string;
  readonly to: string;
  readonly at: Buffer;
  readonly access: AccessMode;
}

interface RuleRow {
  readonly of: string;
  readonly path: Buffer;
  readonly access: AccessMode;
}

/** Paths as all of vfs has them: one char per byte. */
function toPath(raw: Buffer): string {
  return raw.toString("latin1");
}

function toRaw(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

const SHARES = `SELECT s.folder_id AS "folderId", f.name AS folder,
    coalesce(u.name, '@' || g.name) AS "to", s.at, s.access
  FROM shares s JOIN homes f ON f.id = s.folder_id
    LEFT JOIN homes u ON u.id = s.user_id LEFT JOIN groups g ON g.id = s.group_id`;

const RULES = `SELECT coalesce(u.name, '@' || g.name) AS "of", r.path, r.access
  FROM access_rules r LEFT JOIN homes u ON u.id = r.user_id LEFT JOIN groups g ON g.id = r.group_id`;

const GROUPS_OF_USER = "(SELECT group_id FROM group_members WHERE user_id = @userId)";

/** Who may do what where: shares of folders, and rules at paths. */
export class AccessStore {
  readonly #writes: Writes;
  readonly #sql;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    const sql = <R>(text: string): Statement<unknown[], R> => connection.prepare(text);
    this.#sql = {
      sharesOf: sql<ShareRow>(`${SHARES} WHERE s.folder_id = @folderId ORDER BY "to"`),
      allShares: sql<ShareRow>(`${SHARES} ORDER BY folder, "to"`),
      sharesWith:
        sql<ShareRow>(`${SHARES} WHERE s.user_id = @userId OR s.group_id IN ${GROUPS_OF_USER}
        ORDER BY folder, "to"`),
      sharesWithGroup: sql<ShareRow>(`${SHARES} WHERE s.group_id = @groupId ORDER BY folder`),
      rulesOf:
        sql<RuleRow>(`${RULES} WHERE r.user_id IS NOT DISTINCT FROM @userId AND r.group_id IS NOT DISTINCT FROM @groupId
        ORDER BY r.path`),
      rulesFor: sql<RuleRow>(`${RULES} WHERE r.user_id = @userId OR r.group_id IN ${GROUPS_OF_USER}
        ORDER BY r.path`),
      unshare: sql(`DELETE FROM shares
        WHERE folder_id = @folderId AND user_id IS NOT DISTINCT FROM @userId AND group_id IS NOT DISTINCT FROM @groupId`),
      share: sql(`INSERT INTO shares (folder_id, user_id, group_id, at, access)
        VALUES (@folderId, @userId, @groupId, @at, @access)`),
      drop: sql(`DELETE FROM access_rules
        WHERE user_id IS NOT DISTINCT FROM @userId AND group_id IS NOT DISTINCT FROM @groupId AND path = @path`),
      rule: sql(`INSERT INTO access_rules (user_id, group_id, path, access)
        VALUES (@userId, @groupId, @path, @access)`),
      group: sql<{ id: number }>("SELECT id FROM groups WHERE name = ?"),
      members: sql<{ id: number; name: string }>(`SELECT u.id, u.name FROM group_members m
        JOIN homes u ON u.id = m.user_id WHERE m.group_id = ? ORDER BY u.name`),
    };
  }

  /** The group of that name, without the "@". */
  async groupByName(name: string): Promise<{ readonly id: number } | undefined> {
    return this.#sql.group.get(name);
  }

  async members(groupId: number): Promise<{ readonly id: number; readonly name: string }[]> {
    return this.#sql.members.all(groupId);
  }

  /** Of a folder, by whom it is shared with. */
  async sharesOf(folderId: number): Promise<Share[]> {
    return this.#sql.sharesOf.all({ folderId }).map(toShare);
  }

  /** Of all folders. */
  async allShares(): Promise<FolderShare[]> {
    return this.#sql.allShares.all().map((row) => ({ ...toShare(row), folder: row.folder }));
  }

  /** Folders that a user has, by shares of the user's own and of groups. */
  async sharesWith(userId: number): Promise<(FolderShare & { readonly folderId: number })[]> {
    return this.#sql.sharesWith.all({ userId }).map(toFolderShare);
  }

  /** What each member of a group has by it. */
  async sharesWithGroup(groupId: number): Promise<(FolderShare & { readonly folderId: number })[]> {
    return this.#sql.sharesWithGroup.all({ groupId }).map(toFolderShare);
  }

  /** Replaces what the folder was shared as with the same. */
  async share(folderId: number, subject: Subject, at: string, access: AccessMode): Promise<void> {
    await this.#writes.run(() => {
      this.#sql.unshare.run({ folderId, ...subject });
      this.#sql.share.run({ folderId, ...subject, at: toRaw(at), access });
    });
  }

  /** False when it was not shared with them. */
  async unshare(folderId: number, subject: Subject): Promise<boolean> {
    return this.#writes.run(() => this.#sql.unshare.run({ folderId, ...subject }).changes > 0);
  }

  /** The rules of one user's or group's own, by path. */
  async rulesOf(subject: Subject): Promise<AccessRule[]> {
    return this.#sql.rulesOf.all({ ...subject }).map(toRule);
  }

  /** The rules that concern a user: own ones and those of groups. */
  async rulesFor(userId: number): Promise<OwnedRule[]> {
    return this.#sql.rulesFor.all({ userId }).map((row) => ({ ...toRule(row), of: row.of }));
  }

  /** Replaces the rule at the same path. */
  async setRule(subject: Subject, path: string, access: AccessMode): Promise<void> {
    await this.#writes.run(() => {
      this.#sql.drop.run({ ...subject, path: toRaw(path) });
      this.#sql.rule.run({ ...subject, path: toRaw(path), access });
    });
  }

  /** False when there was none. */
  async removeRule(subject: Subject, path: string): Promise<boolean> {
    const row = { ...subject, path: toRaw(path) };
    return this.#writes.run(() => this.#sql.drop.run(row).changes > 0);
  }
}

function toShare({ to, at, access }: ShareRow): Share {
  return { to, at: toPath(at), access };
}

function toFolderShare(row: ShareRow): FolderShare & { readonly folderId: number } {
  return { ...toShare(row), folder: row.folder, folderId: row.folderId };
}

function toRule({ path, access }: RuleRow): AccessRule {
  return { path: toPath(path), access };
}
