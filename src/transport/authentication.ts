import type { Logger } from "pino";
import ssh2, { type AuthContext, type KeyboardAuthContext, type PublicKeyAuthContext } from "ssh2";
import { ONE_MACHINE, ONE_SITE, sourceOf } from "../auth/addresses.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { fingerprint } from "../auth/keys.ts";
import { type LimitReached, REFUSED } from "../auth/login-limits.ts";
import { type Asker, HashQueueFull, NotWanted } from "../auth/passwords.ts";
import { type Penalties, refusalText } from "../auth/penalties.ts";
import { errorName } from "../errors.ts";
import type { Login } from "../session/session.ts";
import { forgetAborted, type Protocol } from "../ssh/internals.ts";
import { DisconnectReason } from "../ssh/send.ts";
import type { FailedLogins } from "./failed-logins.ts";
import { printable } from "./printable.ts";
import { NO_PLACE, type StrangersPlace } from "./strangers.ts";

const METHODS: ("publickey" | "password" | "keyboard-interactive")[] = [
  "publickey",
  "password",
  "keyboard-interactive",
];

/** Requests of any kind a connection may make: an agent may offer many keys. */
const MAX_REQUESTS = 20;

/** One prompt without echo: clients answer it with a stored password only in this form. */
const PASSWORD_PROMPT = { prompt: "Password: ", echo: false };

const MAX_NAME = 64;

export interface AuthenticationOptions {
  readonly authenticator: Authenticator;
  readonly failedLogins: FailedLogins;
  readonly penalties: Penalties;
  readonly log: Logger;
  readonly remote: string;
  /** of the client, without a port; undefined when it was gone at once */
  readonly address: string | undefined;
  /** aborted when the client is gone */
  readonly gone: AbortSignal;
  /** wrong passwords and signatures that end the connection */
  readonly tries: number;
  readonly protocol: Protocol;
  /** the connection's, among those that have not logged in */
  readonly place: Pick<StrangersPlace, "wait" | "back">;
  disconnect(reason: DisconnectReason, text: string): void;
  /** What comes of this connection is not, or no more, the client's fault. */
  excuse(): void;
  /** A request was answered, or will not be. */
  answered(): void;
  /** The login is proven. Resolves to true when the client is let in. */
  proven(login: Login): Promise<boolean>;
}

/** The login of one connection (RFC 4252): password, keyboard-interactive (RFC 4256), public key. */
export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #asker: Asker;
  /** how long this address is refused, as it was when its password's turn came */
  #wait = 0;
  #requests = 0;
  #failures = 0;
  #pending = 0;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    const { address, gone, penalties } = options;
    this.#asker = {
      source: sourceOf(address, ONE_MACHINE),
      site: sourceOf(address, ONE_SITE),
      gone,
      // Asked as late as this, guesses made at once on many connections gain nothing.
      wanted: async () => {
        this.#wait = await penalties.wait(address);
        return this.#wait === 0 && !gone.aborted;
      },
    };
  }

  /** Answers one request; never throws. */
  handle(context: AuthContext): void {
    this.#requests += 1;
    if (this.#requests > MAX_REQUESTS) {
      this.#options.disconnect(
        DisconnectReason.noMoreAuthMethods,
        "Too many authentication requests",
      );
      return;
    }
    this.#attempt(context, this.#answer(context));
  }

  /** True while the client waits for an answer that takes long. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  #attempt(context: AuthContext, work: Promise<void>): void {
    this.#pending += 1;
    work
      .catch((error: unknown) => this.#broken(context, error))
      .finally(() => {
        this.#pending -= 1;
        this.#options.answered();
      });
  }

  async #answer(context: AuthContext): Promise<void> {
    switch (context.method) {
      case "password":
        // A request to change the password comes as an object and is refused.
        if (typeof context.password !== "string") return this.#reject(context);
        return this.#password(context, context.password);
      case "keyboard-interactive":
        return this.#prompt(context);
      case "publickey":
        return this.#publicKey(context);
      default:
        return this.#reject(context);
    }
  }

  #prompt(context: KeyboardAuthContext): void {
    let answered = false;
    context.on("abort", () => {
      const { disconnect, protocol } = this.#options;
      forgetAborted(protocol);
      if (answered) disconnect(DisconnectReason.protocolError, "Login request during a login");
    });
    context.prompt([PASSWORD_PROMPT], (answers: string[] | Error) => {
      if (!Array.isArray(answers)) return;
      answered = true;
      const [password, ...more] = answers;
      const checked =
        password === undefined || more.length > 0
          ? this.#failed(context)
          : this.#password(context, password);
      this.#attempt(context, checked);
    });
  }

  async #password(context: AuthContext, password: string): Promise<void> {
    const { authenticator, place, address } = this.#options;
    place.wait();
    const decision = await authenticator.logIn(context.username, password, address, this.#asker);
    const { account } = decision;
    if (account === undefined) return this.#failed(context, decision.limit);
    const method = context.method === "password" ? "password" : "keyboard-interactive";
    return this.#proven(context, { account, method, key: undefined });
  }

  async #publicKey(context: PublicKeyAuthContext): Promise<void> {
    const { key, hashAlgo } = context;
    const sha1 = key.algo === "ssh-rsa" && hashAlgo === undefined;
    if (sha1 || !Buffer.isBuffer(key.data)) return this.#reject(context);
    const { authenticator, address } = this.#options;
    const decision = await authenticator.findKey(context.username, key.algo, key.data, address);
    const { account } = decision;
    if (account === undefined) return this.#rejectKey(context, decision.limit);
    if (context.signature === undefined) {
      // RFC 8332 section 3.2: PK_OK repeats the signature algorithm, not the key's type.
      if (hashAlgo !== undefined)
        key.algo = hashAlgo === "sha512" ? "rsa-sha2-512" : "rsa-sha2-256";
      context.accept();
      return;
    }
    if (!isSigned(context, hashAlgo)) return this.#failed(context);
    const login: Login = { account, method: "publickey", key: fingerprint(key.data) };
    return this.#proven(context, login);
  }

  async #proven(context: AuthContext, login: Login): Promise<void> {
    if (await this.#options.proven(login)) context.accept();
  }

  #reject(context: AuthContext): void {
    context.reject(METHODS);
  }

  /**
   * One that lets nobody in. Where a limit refuses it, that is noted but costs nothing, as with any
   * other key: who counts on what a key costs could tell by it whose it is.
   */
  #rejectKey(context: AuthContext, limit: LimitReached | undefined): void {
    if (limit !== undefined) this.#note(context, limit);
    this.#reject(context);
  }

  /** @returns the user's name, escaped for display */
  #note({ username, method }: AuthContext, limit?: LimitReached): string {
    const { failedLogins, remote, log } = this.#options;
    const user = printable(username, MAX_NAME);
    const reason = limit && REFUSED[limit];
    failedLogins.add(user, remote, reason === undefined ? method : `${method}, ${reason}`);
    log.info({ user, remote, method, ...(reason !== undefined && { reason }) }, "login failed");
    return user;
  }

  /** A wrong password or signature, or a right password that a limit refuses. */
  async #failed(context: AuthContext, limit?: LimitReached): Promise<void> {
    const { penalties, address, tries, place, disconnect } = this.#options;
    const user = this.#note(context, limit);
    this.#failures += 1;
    this.#options.excuse();
    await penalties.add(address, "login", user);
    if (this.#failures >= tries) {
      disconnect(DisconnectReason.noMoreAuthMethods, "Too many authentication failures");
    } else if (await place.back()) this.#reject(context);
    else disconnect(DisconnectReason.tooManyConnections, NO_PLACE);
  }

  /** The client went away before its turn, or its address is refused by now. */
  #unwanted(): void {
    if (this.#wait === 0) return;
    this.#options.excuse();
    this.#options.disconnect(DisconnectReason.tooManyConnections, refusalText(this.#wait));
  }

  #broken(context: AuthContext, error: unknown): void {
    if (error instanceof NotWanted) {
      this.#unwanted();
      return;
    }
    const { disconnect, excuse, log, remote } = this.#options;
    if (error instanceof HashQueueFull) {
      // Others may have filled the queue to get this address refused.
      excuse();
      disconnect(DisconnectReason.tooManyConnections, "Too many logins at once: try again later");
      return;
    }
    excuse();
    const fields = { remote, method: context.method, error: errorName(error) };
    log.error(fields, "login could not be checked");
    disconnect(DisconnectReason.byApplication, "The login could not be checked: try again later");
  }
}

/** Verifies the signature over the session identifier and the request (RFC 4252 section 7). */
function isSigned(context: PublicKeyAuthContext, hashAlgorithm: string | undefined): boolean {
  const { blob, key, signature } = context;
  if (blob === undefined || signature === undefined) return false;
  const parsed = ssh2.utils.parseKey(key.data);
  if (parsed instanceof Error || parsed.type !== key.algo) return false;
  return parsed.verify(blob, signature, hashAlgorithm) === true;
}
