import type { Socket } from "node:net";
import ssh2, {
  type AuthenticationType,
  type AuthHandlerMiddleware,
  type Client,
  type ConnectConfig,
  type NextAuthHandler,
} from "ssh2";
import { type ConnectionError, isBeforeHandshake } from "../../ssh/errors.ts";
import { checkSsh2 } from "../../ssh/self-check.ts";
import { visible } from "../../text/safe.ts";
import { VERSION } from "../../version.ts";
import { LoginError } from "../errors.ts";
import { Line } from "../remote/line.ts";
import { ClientConnection } from "../remote/remote.ts";
import type { LoginOptions, Prompts } from "../types.ts";
import { offer } from "./algorithms.ts";
import { closedEarly, refusedBy } from "./failures.ts";
import { type Identity, identities, Keyring } from "./keyring.ts";
import { fingerprint, hostName, KnownHosts, keyType } from "./known-hosts.ts";
import { type LoginSettings, loginSettings } from "./settings.ts";
import { openSocket, socketError } from "./socket.ts";
import { hostQuestion, nobodyText, wrongText } from "./texts.ts";

/** How long the server may take for each step of a login, in milliseconds. */
const STEP_MS = 30_000;

/** "SSH-2.0-" and this: our server grants wide packets to clients that it knows to take them. */
const IDENT = `Moorage_${VERSION}`;

const PASSWORD_TRIES = 3;

/** What was proven once and is used again when a lost connection is made anew. */
interface Proven {
  identities: readonly Identity[] | undefined;
  password: string | undefined;
  /** the server's; without known_hosts it is known for this connection alone */
  hostKey: Buffer | undefined;
}

/** Nobody is asked while a lost connection is made anew. */
const NOBODY: Prompts = {
  secret: () => Promise.resolve(undefined),
  confirm: () => Promise.resolve(false),
  notice: () => {},
};

/**
 * Logs in and starts SFTP. Rejects with LoginError.
 * @param stepMs how long the server may take for each step
 */
export async function openRemote(
  options: LoginOptions,
  prompts: Prompts,
  stepMs = STEP_MS,
): Promise<ClientConnection> {
  const settings = loginSettings(options);
  const proven: Proven = { identities: undefined, password: undefined, hostKey: undefined };
  const connect = (asked: Prompts): Promise<Line> =>
    new Login(settings, options, asked, proven, stepMs).run();
  const name = `${settings.user}@${settings.alias}`;
  const server = `${settings.user}@${settings.host}:${settings.port}`;
  const open = (line: Line): Promise<ClientConnection> =>
    ClientConnection.open({ name, server, connect: () => connect(NOBODY) }, line);
  return open(await connect(prompts));
}

/** One attempt to log in. */
class Login {
  readonly #settings: LoginSettings;
  readonly #options: LoginOptions;
  readonly #prompts: Prompts;
  readonly #proven: Proven;
  readonly #stepMs: number;
  readonly #client: Client = new ssh2.Client();
  readonly #knownHosts: KnownHosts;
  #timer: NodeJS.Timeout | undefined;
  #step = "connecting";
  #failure: LoginError | undefined;
  #fail: (error: LoginError) => void = () => {};
  #methods: AsyncGenerator<Parameters<NextAuthHandler>[0], void, AuthenticationType[]> | undefined;
  #typed: string | undefined;
  #lastWords: () => string | undefined = () => undefined;
  /** the person did not answer a question */
  #gaveUp = false;

  constructor(
    settings: LoginSettings,
    options: LoginOptions,
    prompts: Prompts,
    proven: Proven,
    stepMs: number,
  ) {
    this.#settings = settings;
    this.#options = options;
    this.#prompts = prompts;
    this.#proven = proven;
    this.#stepMs = stepMs;
    try {
      this.#knownHosts = new KnownHosts(settings.knownHosts);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw new LoginError("protocol", `known_hosts can't be read (${code})`);
    }
  }

  async run(): Promise<Line> {
    const client = this.#client;
    let socket: Socket | undefined;
    try {
      checkSsh2();
      return await new Promise<Line>((resolve, reject) => {
        this.#fail = (error) => {
          this.#failure ??= error;
          reject(this.#failure);
        };
        client.on("error", (error) => this.#error(error));
        client.on("connect", () => this.#begin("the key exchange"));
        client.on("handshake", () => this.#begin("the login"));
        client.on("banner", (text) => this.#banner(text));
        client.on("close", () => this.#fail(this.#closedEarly()));
        this.#begin("connecting");
        const { host, port } = this.#settings;
        socket = openSocket(host, port, () => line.readsWide);
        client.connect({ ...this.#config(), sock: socket });
        const line = new Line(client);
        this.#lastWords = () => line.lastWords;
        client.on("ready", () => {
          clearTimeout(this.#timer);
          if (this.#typed !== undefined) this.#proven.password = this.#typed;
          resolve(line);
        });
        client.setNoDelay(true);
      });
    } catch (error) {
      client.destroy();
      socket?.destroy();
      throw error instanceof LoginError ? error : this.#protocol((error as Error).message);
    } finally {
      clearTimeout(this.#timer);
    }
  }

  #config(): ConnectConfig {
    return {
      ident: IDENT,
      username: this.#settings.user,
      readyTimeout: 0,
      keepaliveInterval: 0,
      algorithms: offer(this.#knownTypes(), this.#options.ciphers),
      hostVerifier: (key: Buffer, verify: (ok: boolean) => void) => {
        this.#verifyHost(key).then(verify, (error: Error) => {
          this.#fail(this.#protocol(error.message));
          verify(false);
        });
      },
      authHandler: ((left, _partial, next) => {
        void this.#nextMethod(left ?? [], next);
      }) as AuthHandlerMiddleware,
    };
  }

  /** Starts the time of a step anew. */
  #begin(step: string): void {
    this.#step = step;
    clearTimeout(this.#timer);
    if (this.#failure !== undefined) return;
    this.#timer = setTimeout(() => {
      const { alias } = this.#settings;
      const text = `${alias}: no answer within ${Math.round(this.#stepMs / 1000)} s (${step})`;
      this.#fail(new LoginError("unreachable", text));
      this.#client.destroy();
    }, this.#stepMs);
  }

  /** Asks the person, while no time runs. */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    clearTimeout(this.#timer);
    const answer = await question();
    this.#begin(this.#step);
    return answer;
  }

  /** The types of keys to ask for: those known, so that a server with several shows one of them. */
  #knownTypes(): string[] {
    const { keyHost, keyPort } = this.#settings;
    const types = this.#knownHosts.types(keyHost, keyPort);
    const { hostKey } = this.#proven;
    return types.length > 0 || hostKey === undefined ? types : [keyType(hostKey)];
  }

  async #verifyHost(key: Buffer): Promise<boolean> {
    const { keyHost, keyPort } = this.#settings;
    const name = hostName(keyHost, keyPort);
    const verdict = this.#knownHosts.check(keyHost, keyPort, key);
    const before = this.#proven.hostKey;
    if (verdict.known === "yes" || (verdict.known === "no" && before?.equals(key))) {
      this.#proven.hostKey = key;
      return true;
    }
    const print = `${keyType(key)} ${fingerprint(key)}`;
    if (verdict.known === "revoked") {
      const text = `the host key of ${name} (${print}) is marked as revoked: not connecting`;
      return this.#refuseHost("changed-host-key", text);
    }
    if (verdict.known === "changed") {
      const text =
        `the host key of ${name} HAS CHANGED: it is ${print} now, another one is in ` +
        `${verdict.file}:${verdict.line}. Somebody may be listening in, or the server was set up ` +
        `anew; if its owner confirms the new one: ssh-keygen -f '${verdict.file}' -R '${name}'`;
      return this.#refuseHost("changed-host-key", text);
    }
    // Where it could not be remembered, another key than before is no new host.
    if (before !== undefined) {
      const text = `the host key of ${name} HAS CHANGED since the connection was made: it is ${print} now`;
      return this.#refuseHost("changed-host-key", text);
    }
    const { unknownHost } = this.#settings;
    const accepted =
      unknownHost === "ask"
        ? await this.#ask(() => this.#prompts.confirm(hostQuestion(name, print)))
        : unknownHost === "accept";
    if (!accepted) {
      const text = `the host key of ${name} is not known (${print})${nobodyText(this.#prompts)}; if it is the right one, --accept-new takes and remembers it`;
      return this.#refuseHost("unknown-host-key", text);
    }
    this.#proven.hostKey = key;
    this.#remember(key);
    return true;
  }

  #refuseHost(failure: "changed-host-key" | "unknown-host-key", text: string): boolean {
    this.#fail(new LoginError(failure, text));
    return false;
  }

  #remember(key: Buffer): void {
    const { keyHost, keyPort, hashKnownHosts, knownHosts } = this.#settings;
    try {
      this.#knownHosts.add(keyHost, keyPort, key, hashKnownHosts);
      if (this.#settings.unknownHost === "accept") {
        this.#prompts.notice(`remembered the host key ${keyType(key)} ${fingerprint(key)}`);
      }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      this.#prompts.notice(`the host key can't be remembered in ${knownHosts[0]} (${code})`);
    }
  }

  async #nextMethod(left: AuthenticationType[], next: NextAuthHandler): Promise<void> {
    try {
      this.#methods ??= this.#attempts();
      const { value, done } = await this.#methods.next(left);
      if (done || value === undefined) {
        this.#fail(this.#refused(left));
        this.#client.end();
      } else {
        this.#begin("the login");
        next(value);
      }
    } catch (error) {
      this.#fail(this.#protocol((error as Error).message));
      this.#client.destroy();
    }
  }

  /** Each way to prove who we are, in OpenSSH's order; is told what the server takes further. */
  async *#attempts(): AsyncGenerator<Parameters<NextAuthHandler>[0], void, AuthenticationType[]> {
    const username = this.#settings.user;
    let left = yield { type: "none", username };
    if (left.includes("publickey")) {
      this.#proven.identities ??= await this.#ask(() => identities(this.#settings, this.#asking()));
      if (this.#proven.identities.length > 0) {
        left = yield { type: "agent", username, agent: new Keyring(this.#proven.identities) };
      }
    }
    let asked = 0;
    const interactive = (): boolean => left.includes("keyboard-interactive");
    while (asked < PASSWORD_TRIES && interactive()) {
      asked += 1;
      const isFirst = asked === 1;
      let questions = 0;
      left = yield {
        type: "keyboard-interactive",
        username,
        prompt: (_name, instructions, _lang, prompts, finish) => {
          if (prompts.length > 0) questions += 1;
          void this.#answer(instructions, prompts, isFirst && questions === 1).then(finish);
        },
      };
      // A server that let this client in without a question will not ask the next time either.
      if (questions === 0 || this.#gaveUp) break;
      if (interactive()) this.#wrong(asked);
    }
    while (asked < PASSWORD_TRIES && left.includes("password")) {
      const password = await this.#password(`${this.#name}'s password: `, asked === 0);
      asked += 1;
      if (password === undefined) return;
      this.#typed = password;
      left = yield { type: "password", username, password };
      if (left.includes("password")) this.#wrong(asked);
    }
  }

  #wrong(asked: number): void {
    if (asked < PASSWORD_TRIES) this.#prompts.notice(wrongText(PASSWORD_TRIES - asked));
  }

  get #name(): string {
    return `${this.#settings.user}@${this.#settings.alias}`;
  }

  /** The questions of keys, while no time runs. */
  #asking(): Prompts {
    const { secret, confirm, notice } = this.#prompts;
    return {
      secret: (text) => this.#ask(() => secret.call(this.#prompts, text)),
      confirm: (text) => this.#ask(() => confirm.call(this.#prompts, text)),
      notice: (text) => notice.call(this.#prompts, text),
    };
  }

  /** The password that worked before, the first time; then what the person types. */
  async #password(prompt: string, first: boolean): Promise<string | undefined> {
    if (first && this.#proven.password !== undefined) return this.#proven.password;
    const typed = await this.#ask(() => this.#prompts.secret(prompt));
    // Sent as it is read it would be another password.
    if (typed?.includes("\u{FFFD}")) this.#prompts.notice("what was typed is not UTF-8 text");
    return typed;
  }

  async #answer(
    instructions: string,
    prompts: readonly { prompt: string; echo?: boolean }[],
    first: boolean,
  ): Promise<string[]> {
    if (instructions.trim() !== "") this.#banner(instructions);
    const answers: string[] = [];
    this.#gaveUp = false;
    for (const { prompt, echo = false } of prompts.slice(0, 16)) {
      const text = `(${this.#name}) ${visible(prompt.trimEnd()).slice(0, 200)} `;
      const alone = prompts.length === 1;
      // What may be seen while it is typed is no password: a code that counts once, for example.
      const answer = echo
        ? await this.#ask(() => this.#prompts.secret(text))
        : await this.#password(text, first && alone);
      if (answer === undefined) {
        this.#gaveUp = true;
        return [];
      }
      if (!echo && (alone || answers.length === 0)) this.#typed = answer;
      answers.push(answer);
    }
    return answers;
  }

  #banner(text: string): void {
    const lines = text.slice(0, 16_384).split(/\r?\n/).map(visible);
    while (lines.at(-1)?.trim() === "") lines.pop();
    for (const line of lines) this.#prompts.notice(line);
  }

  #refused(left: readonly string[]): LoginError {
    const takes = left.length > 0 ? ` (the server takes ${left.map(visible).join(", ")})` : "";
    const text = `${this.#name}: the login was refused${takes}${nobodyText(this.#prompts)}`;
    return new LoginError("refused", text);
  }

  #protocol(message: string): LoginError {
    const text = visible(message.split("\n")[0] ?? "").slice(0, 200);
    return new LoginError("protocol", `${this.#settings.alias}: ${text}`);
  }

  #closedEarly(): LoginError {
    const asLogin = this.#step === "the login";
    const { alias } = this.#settings;
    return closedEarly({ name: this.#name, alias, asLogin }, this.#lastWords());
  }

  #error(error: ConnectionError): void {
    const { alias, port } = this.#settings;
    // One key less: the next one is tried.
    if (error.level === "agent") {
      this.#prompts.notice(visible(error.message));
      return;
    }
    const code = typeof error.code === "string" ? error.code : undefined;
    if (error.level === "client-socket" || code !== undefined) {
      const why = socketError(code, port) ?? `the connection failed (${code ?? error.message})`;
      this.#fail(new LoginError("unreachable", `${hostName(alias, port)}: ${why}`));
    } else if (error.level === "client-authentication") {
      this.#fail(this.#refused([]));
    } else if (this.#step === "the login" && typeof error.code === "number") {
      this.#fail(refusedBy(this.#name, error.message));
    } else if (isBeforeHandshake(error)) {
      this.#fail(this.#closedEarly());
    } else this.#fail(this.#protocol(error.message));
  }
}
