import type { Logger } from "pino";
import type {
  AuthContext,
  KeyboardAuthContext,
  PasswordAuthContext,
  PublicKeyAuthContext,
} from "ssh2";
import { ONE_MACHINE, ONE_SITE, sourceOf } from "../auth/addresses.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Factors } from "../auth/factors.ts";
import { type Asker, HashQueueFull, NotWanted } from "../auth/passwords.ts";
import { type Penalties, refusalText } from "../auth/penalties.ts";
import { errorName } from "../errors.ts";
import type { Login } from "../session/session.ts";
import { forgetAborted, type Protocol } from "../ssh/internals.ts";
import { DisconnectReason } from "../ssh/send.ts";
import type { Account } from "../store/types.ts";
import { type LoginWay, tally } from "../tally.ts";
import type { FailedLogins } from "./failed-logins.ts";
import {
  CHANGE_PROMPTS,
  CODE_PROMPT,
  CODES_REFUSED,
  codeInstruction,
  limitReason,
  MAX_CHANGES,
  MUST_CHANGE,
  NEEDS_CODE,
  NO_NEW_PASSWORD,
  NOT_THE_SAME,
  nextStep,
  PASSWORD_PROMPT,
  type Prompt,
  type Proof,
  type Remaining,
  remainingOf,
  WRONG_CODE,
} from "./login-steps.ts";
import { printable } from "./printable.ts";
import { signatureFault } from "./signature.ts";
import { NO_PLACE, type StrangersPlace } from "./strangers.ts";

const METHODS: ("publickey" | "password" | "keyboard-interactive")[] = [
  "publickey",
  "password",
  "keyboard-interactive",
];

/** Requests of any kind a connection may make: an agent may offer many keys. */
const MAX_REQUESTS = 20;

/** What goes on after a password or key that is not enough (RFC 4252 section 5.1). */
const GOES_ON: "keyboard-interactive"[] = ["keyboard-interactive"];

const MAX_NAME = 64;

type ProvingContext = PasswordAuthContext | KeyboardAuthContext | PublicKeyAuthContext;

export interface AuthenticationOptions {
  readonly authenticator: Authenticator;
  readonly factors: Factors;
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
  /** The user's own change of a password; resolves to why it can't be that one, or to undefined. */
  newPassword(account: Account, current: string, next: string): Promise<string | undefined>;
  disconnect(reason: DisconnectReason, text: string): void;
  /** What comes of this connection is not, or no more, the client's fault. */
  excuse(): void;
  /** A request was answered, or will not be. */
  answered(): void;
  /** The login is proven. Resolves to true when the client is let in. */
  proven(login: Login): Promise<boolean>;
}

/**
 * The login of one connection (RFC 4252): password, keyboard-interactive (RFC 4256), public key. Where
 * that is not enough, keyboard-interactive goes on: with a code, with a new password.
 */
export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #asker: Asker;
  /** how long this address is refused, as it was when its password's turn came */
  #wait = 0;
  #requests = 0;
  #failures = 0;
  #pending = 0;
  /** proven by a request that could not ask for the rest */
  #partial: Remaining | undefined;
  /** the client is to answer questions of this request */
  #asking: KeyboardAuthContext | undefined;

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
    // RFC 4252 section 5: what was proven for one user is nothing for another.
    if (this.#partial?.username !== context.username) this.#partial = undefined;
    if (this.#partial !== undefined && context.method !== "keyboard-interactive") {
      return this.#reject(context);
    }
    switch (context.method) {
      case "password":
        // A request to change the password comes as an object and is refused.
        if (typeof context.password !== "string") return this.#reject(context);
        return this.#password(context, context.password);
      case "keyboard-interactive":
        return this.#interactive(context);
      case "publickey":
        return this.#publicKey(context);
      default:
        return this.#reject(context);
    }
  }

  async #interactive(context: KeyboardAuthContext): Promise<void> {
    context.on("abort", () => {
      const { disconnect, protocol } = this.#options;
      forgetAborted(protocol);
      if (this.#asking === context) this.#asking = undefined;
      else disconnect(DisconnectReason.protocolError, "Login request during a login");
    });
    if (this.#partial !== undefined) return this.#next(context, this.#partial);
    this.#ask(context, [PASSWORD_PROMPT], "", ([password = ""]) =>
      this.#password(context, password),
    );
  }

  /** Asks the client; what it answers is an attempt of its own, so that nobody waits for a person. */
  #ask(
    context: KeyboardAuthContext,
    prompts: readonly Prompt[],
    instruction: string,
    then: (answers: readonly string[]) => Promise<void>,
  ): void {
    this.#asking = context;
    context.prompt([...prompts], "", instruction, (answers: string[] | Error) => {
      if (!Array.isArray(answers)) return;
      this.#asking = undefined;
      const complete = answers.length === prompts.length;
      this.#attempt(context, complete ? then(answers) : this.#failed(context));
    });
  }

  async #password(
    context: PasswordAuthContext | KeyboardAuthContext,
    typed: string,
  ): Promise<void> {
    const { authenticator, factors, place, address } = this.#options;
    place.wait();
    const { username, method } = context;
    const { password, code } = await factors.split(username, typed);
    const decision = await authenticator.logIn(username, password, address, this.#asker);
    const { account } = decision;
    if (account === undefined) return this.#failed(context, limitReason(decision.limit));
    return this.#first(context, { account, method, grant: undefined, password }, code);
  }

  async #publicKey(context: PublicKeyAuthContext): Promise<void> {
    const { key } = context;
    // An RSA key that signs with SHA-1 is asked for by the key's own type.
    if (key.algo === "ssh-rsa" || !Buffer.isBuffer(key.data)) return this.#reject(context);
    const { authenticator, address } = this.#options;
    const decision = await authenticator.findKey(context.username, key.algo, key.data, address);
    const { account } = decision;
    if (account === undefined) return this.#rejectKey(context, decision.reason);
    if (context.signature === undefined) {
      context.accept();
      return;
    }
    const { grant } = decision;
    const fault = signatureFault(context, grant);
    if (fault !== undefined) return this.#failed(context, fault === "wrong" ? undefined : fault);
    return this.#first(context, { account, method: "publickey", grant, password: undefined });
  }

  /** A password or key is right. @param code that came along with the password */
  async #first(context: ProvingContext, proof: Proof, code?: string): Promise<void> {
    const need = await this.#options.factors.need(proof.account);
    const remaining = remainingOf(context.username, proof, need);
    if (code !== undefined && need === "code" && !(await this.#proves(context, remaining, code))) {
      return;
    }
    if (nextStep(remaining) === "none") return this.#complete(context, remaining);
    if (context.method === "keyboard-interactive") return this.#next(context, remaining);
    remaining.asked = true;
    if (!(await this.#counted())) return;
    this.#partial = remaining;
    context.reject(GOES_ON, true);
  }

  /** Before a person is waited for: the connection is among those that have not logged in again. */
  async #counted(): Promise<boolean> {
    const { disconnect, place } = this.#options;
    if (await place.back()) return true;
    disconnect(DisconnectReason.tooManyConnections, NO_PLACE);
    return false;
  }

  async #next(
    context: KeyboardAuthContext,
    remaining: Remaining,
    instruction = MUST_CHANGE,
  ): Promise<void> {
    const step = nextStep(remaining);
    if (step === "none") return this.#complete(context, remaining);
    remaining.asked = true;
    if (!(await this.#counted())) return;
    if (step === "code") return this.#askCode(context, remaining);
    this.#ask(context, CHANGE_PROMPTS, instruction, ([next = "", again = ""]) =>
      this.#change(context, remaining, next, again),
    );
  }

  async #askCode(context: KeyboardAuthContext, remaining: Remaining): Promise<void> {
    const wait = await this.#options.factors.wait(remaining.proof.account.id);
    this.#ask(context, [CODE_PROMPT], codeInstruction(wait), async ([typed = ""]) => {
      if (await this.#proves(context, remaining, typed)) await this.#next(context, remaining);
    });
  }

  /** Whether the code is right; if it is not, the request has failed. */
  async #proves(context: AuthContext, remaining: Remaining, typed: string): Promise<boolean> {
    const verdict = await this.#options.factors.check(remaining.proof.account.id, typed);
    if (verdict === "totp" || verdict === "recovery") {
      remaining.factor = verdict;
      return true;
    }
    await this.#failed(context, verdict === "refused" ? CODES_REFUSED : WRONG_CODE);
    return false;
  }

  async #change(
    context: KeyboardAuthContext,
    remaining: Remaining,
    next: string,
    again: string,
  ): Promise<void> {
    const { proof } = remaining;
    const { disconnect, newPassword, place } = this.#options;
    place.wait();
    const problem =
      next === again ? await newPassword(proof.account, proof.password ?? "", next) : NOT_THE_SAME;
    if (problem === undefined) {
      remaining.change = false;
      remaining.proof = { ...proof, password: next };
      return this.#next(context, remaining);
    }
    remaining.refused += 1;
    if (remaining.refused < MAX_CHANGES) return this.#next(context, remaining, problem);
    disconnect(DisconnectReason.noMoreAuthMethods, NO_NEW_PASSWORD);
  }

  /** Nothing is left to do, unless the account has changed while a person typed. */
  async #complete(context: ProvingContext, remaining: Remaining): Promise<void> {
    const { authenticator, address, factors, proven } = this.#options;
    const { proof } = remaining;
    let { account } = proof;
    if (remaining.asked) {
      const decision = await authenticator.confirm(proof, address);
      if (decision.account === undefined) {
        return this.#failed(context, limitReason(decision.limit));
      }
      account = decision.account;
      remaining.need = await factors.need(account);
      if (nextStep(remaining) !== "none") return this.#failed(context, NEEDS_CODE);
    }
    const { method, grant } = proof;
    const { factor, need } = remaining;
    const key = grant?.key;
    if (await proven({ account, method, key, grant, factor, mustEnrol: need === "enrol" })) {
      context.accept();
    }
  }

  #reject(context: AuthContext): void {
    context.reject(this.#partial === undefined ? METHODS : GOES_ON);
  }

  /**
   * One that lets nobody in. Where there is a reason besides that it is nobody's, that is noted but
   * costs nothing, as with any other key: who counts on what a key costs could tell by it whose it is.
   */
  #rejectKey(context: AuthContext, reason: string | undefined): void {
    if (reason !== undefined) this.#note(context, reason);
    this.#reject(context);
  }

  /** @returns the user's name, escaped for display */
  #note({ username, method }: AuthContext, reason?: string): string {
    const { failedLogins, remote, log } = this.#options;
    const user = printable(username, MAX_NAME);
    tally.count(`logins ${method as LoginWay} failed`);
    failedLogins.add(user, remote, reason === undefined ? method : `${method}, ${reason}`);
    log.info({ user, remote, method, ...(reason !== undefined && { reason }) }, "login failed");
    return user;
  }

  /**
   * A wrong password, signature or code, or a right password that a limit refuses.
   * @param reason for the log and the audit trail
   */
  async #failed(context: AuthContext, reason?: string): Promise<void> {
    const { penalties, address, tries, place, disconnect } = this.#options;
    const user = this.#note(context, reason);
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
      tally.count("refused passwords");
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
