import { AuditedFileSystem } from "../session/audited.ts";
import type { Session } from "../session/session.ts";
import type { ShellContext } from "../shell/context.ts";
import type { Account } from "../store/types.ts";
import { type AdminServices, actorOf, isAdmin } from "./services.ts";

/** Why a user's file shell is not opened: one line, for the admin. */
export class NoShell extends Error {
  constructor(text: string) {
    super(text);
    this.name = "NoShell";
  }
}

export interface OpenedUser {
  readonly account: Account;
  /** the caller's to close */
  readonly files: AuditedFileSystem;
  readonly context: ShellContext;
}

/**
 * Opens a user's files for an admin: with the user's jail and quota, no login of the user's. What is
 * done there is recorded with the admin's name. Rejects with NoShell.
 */
export async function openUser(
  name: string,
  session: Session,
  services: AdminServices,
): Promise<OpenedUser> {
  if (!(await isAdmin(services, session.account.id)))
    throw new NoShell("you are no admin any more");
  const account = await services.accounts.byName(name);
  if (account === undefined) throw new NoShell(`there is no user ${name} any more`);
  // A removal waits for sessions only, and disables the account before.
  if (!account.enabled) throw new NoShell(`${name} is disabled: enable the account first`);
  const event = {
    user: account.name,
    actor: actorOf(session),
    remote: session.remote,
    session: session.id,
  };
  const { contextFor, record, traffic } = services;
  const files = new AuditedFileSystem(
    await services.openHome(account),
    (of) => record({ ...of, ...event }),
    traffic,
  );
  // It is the admin's session that moves them.
  files.pace = { ...session.files.pace, close() {} };
  try {
    await services.follow(account.id, files);
  } catch (thrown) {
    await files.close();
    throw thrown;
  }
  record({ kind: "connect", ...event });
  const welcome = async () => [`The files of ${account.name}; \`exit\` leads back.`];
  const context = contextFor({
    account,
    files,
    digests: services.digestsOf(account),
    turn: session.turn,
  });
  return { account, files, context: { ...context, welcome } };
}
