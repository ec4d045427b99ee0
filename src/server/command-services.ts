import { hostname } from "node:os";
import type { Logger } from "pino";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Factors } from "../auth/factors.ts";
import { passwordRuleText, refusePassword } from "../auth/password-rule.ts";
import { HashQueueFull, type Passwords } from "../auth/passwords.ts";
import type { Penalties } from "../auth/penalties.ts";
import type { Config } from "../config/types.ts";
import { ControlError } from "../control/errors.ts";
import { FactorControl } from "../control/factors.ts";
import { UserControl } from "../control/users.ts";
import { errorName } from "../errors.ts";
import type { Ledger } from "../quota/ledger.ts";
import { type CommandServices, WRONG_PASSWORD } from "../session/commands.ts";
import type { Store } from "../store/store.ts";
import type { Account } from "../store/types.ts";
import { addressIn } from "../text/remote.ts";
import type { FailedLogins } from "../transport/failed-logins.ts";
import { ownFactor } from "./own-factor.ts";

/** Among so many of a user's uploads those that broke off are looked for. */
const RECENT_UPLOADS = 1_000;

/** Of the server, for its commands. */
export interface CommandParts {
  /** the instance's directory */
  readonly root: string;
  readonly config: Config;
  readonly store: Store;
  readonly log: Logger;
  readonly passwords: Passwords;
  readonly authenticator: Authenticator;
  readonly factors: Factors;
  readonly failedLogins: FailedLogins;
  readonly penalties: Penalties;
  readonly ledger: Ledger;
}

/** What commands and shells need besides files. */
export function commandServices(parts: CommandParts): CommandServices {
  const { config, store, ledger } = parts;
  return {
    host: hostname().split(".")[0] ?? "",
    startedAt: Date.now(),
    limits: () => config.limits,
    usage: (userId) => ledger.exactUsage(userId),
    uploads: (user) => store.audit.query({ user, kind: "upload", limit: RECENT_UPLOADS }),
    async sessions(userId) {
      const all = await store.sessions.list();
      return all.filter((one) => one.userId === userId && one.state === "active");
    },
    newPasswords: (user) => ({
      get rule() {
        return passwordRuleText(config.auth);
      },
      refusal: (password) => refusePassword(password, user, config.auth),
    }),
    changePassword: (user, current, next) => changePassword(parts, user, current, next),
    wrongPassword: (user, remote) => wrongPassword(parts, user, remote),
    totp: ({ account, remote, mustEnrol }) =>
      ownFactor({
        ...parts,
        account,
        mustEnrol,
        control: new FactorControl({
          store,
          factors: parts.factors,
          actor: account.name,
          host: hostname(),
        }),
        wrongCode: () => wrongPassword(parts, account.name, remote, "totp"),
      }),
  };
}

function wrongPassword(
  { failedLogins, penalties, log }: CommandParts,
  user: string,
  remote: string,
  command = "passwd",
): void {
  failedLogins.add(user, remote, command);
  penalties.add(addressIn(remote), "login", user).catch((error: unknown) => {
    log.error({ error: errorName(error) }, "penalty not recorded");
  });
}

/** A user's own change: undefined when done, else why not. */
async function changePassword(
  parts: CommandParts,
  user: string,
  current: string,
  next: string,
): Promise<string | undefined> {
  try {
    const account = await parts.authenticator.verifyPassword(user, current);
    return account === undefined ? WRONG_PASSWORD : await setPassword(parts, user, next);
  } catch (error) {
    if (error instanceof HashQueueFull) return BUSY;
    throw error;
  }
}

/** The same during a login, which has verified the current one. */
export async function newPassword(
  parts: CommandParts,
  { name }: Account,
  current: string,
  next: string,
): Promise<string | undefined> {
  const problem = next === current ? SAME : await setPassword(parts, name, next);
  return problem && `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`;
}

const BUSY = "the server is busy: try again later";
const SAME = "the new password is the current one";

async function setPassword(
  { root, store, config, passwords }: CommandParts,
  user: string,
  next: string,
): Promise<string | undefined> {
  const control = new UserControl({
    store,
    root,
    actor: user,
    rule: config.auth,
    quota: config.quota,
    hash: (password) => passwords.hash(password),
  });
  try {
    await control.setPassword(user, next, { change: false });
    return undefined;
  } catch (error) {
    if (error instanceof ControlError) return error.message;
    if (error instanceof HashQueueFull) return BUSY;
    throw error;
  }
}
