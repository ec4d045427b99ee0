import { HashQueueFull } from "../auth/passwords.ts";
import { ConfigError } from "../config/errors.ts";
import { errorName, FsError, InstanceError, toFsError } from "../errors.ts";
import { ControlError, EXIT } from "./errors.ts";
import { type Caller, METHODS } from "./methods.ts";
import { checkMethod, checkTopic, isMethod, isTopic } from "./params.ts";
import type {
  Control,
  Method,
  Params,
  Result,
  Subscription,
  Topic,
  TopicEvent,
  TopicParams,
} from "./protocol.ts";
import type { ControlService } from "./service.ts";
import { UserControl } from "./users.ts";

/**
 * Control inside of the server process, for one who acts: what the socket serves, and the admin
 * TUI over SSH uses directly. Close it when its user is gone.
 */
export class LocalControl implements Control {
  readonly closed: Promise<string>;
  /** who acts, for the audit trail: "cli:root", "alice@203.0.113.5" */
  readonly #actor: string;
  readonly #service: ControlService;
  readonly #users: UserControl;
  readonly #subscriptions = new Set<Subscription>();
  #isClosed = false;
  #onClosed: (why: string) => void = () => {};

  constructor(service: ControlService, actor: string) {
    this.#service = service;
    this.#actor = actor;
    const { host } = service;
    this.#users = new UserControl({
      store: host.store,
      root: host.root,
      actor,
      rule: host.config.auth,
      quota: host.config.quota,
      hash: (password) => host.hash(password),
      rescan: (account) => this.#rescan(account),
      announced: () => host.applyChanges(),
    });
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  /** Rejects with ControlError. */
  async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const { log } = this.#service.host;
    try {
      if (this.#isClosed) throw new ControlError("closed");
      if (!isMethod(method)) throw new ControlError("the server knows no such method", EXIT.usage);
      const checked = checkMethod(method, params);
      if ("problem" in checked) throw wrong(method, checked.problem);
      const run: (caller: Caller, params: Params<M>) => Promise<Result<M>> = METHODS[method];
      return await run(this.#caller(), checked.params);
    } catch (thrown) {
      const error = toControlError(thrown);
      if (error !== undefined) throw error;
      log.error({ method, error: errorName(thrown) }, "control failed");
      throw new ControlError("the server could not do that: its log says more");
    }
  }

  /** Throws ControlError when the params are wrong. */
  subscribe<T extends Topic>(
    topic: T,
    params: TopicParams<T>,
    onEvent: (event: TopicEvent<T>) => void,
  ): Subscription {
    if (this.#isClosed) throw new ControlError("closed");
    if (!isTopic(topic)) throw new ControlError("the server knows no such topic", EXIT.usage);
    const checked = checkTopic(topic, params);
    if ("problem" in checked) throw wrong(topic, checked.problem);
    const { feeds, tail } = this.#service;
    const follow: {
      [K in Topic]: (params: TopicParams<K>, tell: (event: TopicEvent<K>) => void) => () => void;
    } = {
      overview: (given, tell) => feeds.overview.follow(given, tell),
      sessions: (given, tell) => feeds.sessions.follow(given, tell),
      users: (given, tell) => feeds.users.follow(given, tell),
      groups: (given, tell) => feeds.groups.follow(given, tell),
      folders: (given, tell) => feeds.folders.follow(given, tell),
      log: (given, tell) => tail.follow(given, tell),
      security: (given, tell) => feeds.security.follow(given, tell),
      rescan: (given, tell) => feeds.rescan.follow(given, tell),
      stopping: (given, tell) => feeds.stopping.follow(given, tell),
    };
    const leave = follow[topic](checked.params, (event) => {
      if (this.#subscriptions.has(subscription)) onEvent(event);
    });
    const subscription = {
      close: () => {
        if (this.#subscriptions.delete(subscription)) leave();
      },
    };
    this.#subscriptions.add(subscription);
    return subscription;
  }

  close(): void {
    this.end("closed");
  }

  /** Ends it for this reason, which who uses it is told. Again: does nothing. */
  end(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const subscription of [...this.#subscriptions]) subscription.close();
    this.#onClosed(why);
  }

  #caller(): Caller {
    const service = this.#service;
    return { service, host: service.host, users: this.#users, actor: this.#actor };
  }

  async #rescan(account: Parameters<ControlService["host"]["rescan"]>[0]) {
    const { name } = account;
    const service = this.#service;
    let last = { files: 0, bytes: 0 };
    service.rescanned(name, { ...last, done: false });
    try {
      last = await service.host.rescan(account, (files, bytes) => {
        last = { files, bytes };
        service.rescanned(name, { ...last, done: false });
      });
      return last;
    } finally {
      service.rescanned(name, { ...last, done: true });
    }
  }
}

function wrong(what: string, problem: string): ControlError {
  return new ControlError(`${what}: ${problem} is missing or not what it has to be`, EXIT.usage);
}

/** What a person can put right, as such; undefined: nobody foresaw it. */
function toControlError(thrown: unknown): ControlError | undefined {
  if (thrown instanceof ControlError) return thrown;
  if (thrown instanceof ConfigError) {
    return new ControlError(thrown.problems.join("; "), EXIT.usage);
  }
  if (thrown instanceof HashQueueFull) {
    return new ControlError("the server is busy with logins: try again");
  }
  const known = thrown instanceof FsError || thrown instanceof InstanceError;
  if (known) return new ControlError(thrown.message);
  // The database is busy, or its disk full: in the words that clients read, too.
  const error = toFsError(thrown);
  return error.message === error.code ? undefined : new ControlError(error.message);
}
