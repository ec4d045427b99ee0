import type { Logger } from "pino";
import type { Control } from "../control/protocol.ts";
import type { Digests } from "../digests/types.ts";
import type { AuditedFileSystem, Traffic } from "../session/audited.ts";
import type { FilesInUse } from "../session/commands.ts";
import type { Session } from "../session/session.ts";
import type { ShellContext } from "../shell/context.ts";
import type { Account, AuditEvent } from "../store/types.ts";
import { addressIn } from "../text/remote.ts";
import type { UserFileSystem } from "../vfs/types.ts";

/** What admin screens need of the server. */
export interface AdminServices {
  /** which logins get a screen; asked anew each time */
  overSsh(): "publickey" | "any" | "off";
  /** draws a screen, run as a thread; its messages are those of messages.ts */
  readonly program: URL;
  readonly log: Logger;
  /** @param actor for the audit trail */
  control(actor: string): Control;
  readonly accounts: {
    byId(id: number): Promise<Account | undefined>;
    byName(name: string): Promise<Account | undefined>;
  };
  openHome(account: Account): Promise<UserFileSystem>;
  /** From now on changes of the user's folders and access count in the files, until they are closed. */
  follow(userId: number, files: AuditedFileSystem): Promise<void>;
  digestsOf(account: Account): Digests;
  /** the admin's own files, as commands and shells see them */
  contextOf(session: Session): ShellContext;
  /** a user's files, as commands and shells of somebody else see them */
  contextFor(of: FilesInUse): ShellContext;
  record(event: AuditEvent): void;
  readonly traffic: Traffic;
}

/** Who acts, for the audit trail: "name@address". */
export function actorOf(session: Session): string {
  return `${session.account.name}@${addressIn(session.remote)}`;
}

/** Whether the account is an admin's now, whatever it was at login. */
export async function isAdmin(services: AdminServices, id: number): Promise<boolean> {
  const account = await services.accounts.byId(id);
  return account?.enabled === true && account.role === "admin";
}
