import { existsSync, readFileSync } from "node:fs";
import ssh2, { type ParsedKey } from "ssh2";
import type { Prompts } from "../types.ts";
import type { LoginSettings } from "./settings.ts";

const { BaseAgent, createAgent, utils } = ssh2;

const PASSPHRASE_TRIES = 3;

/** The longest file that is taken for a key, in bytes. */
const MAX_KEY_FILE = 64 * 1024;

const PUBLIC = "this is a public key: give the private one, whose name does not end in .pub";

type Sign = (data: Buffer, hash: "sha1" | "sha256" | "sha512" | undefined) => Promise<Buffer>;

/** A key that may prove who we are. */
export interface Identity {
  readonly key: ParsedKey;
  readonly sign: Sign;
}

/** Keys as ssh2 takes them: it offers each public key and only signs with one the server wants. */
export class Keyring extends BaseAgent<ParsedKey> {
  readonly #identities: readonly Identity[];

  constructor(identities: readonly Identity[]) {
    super();
    this.#identities = identities;
  }

  override getIdentities(done: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
    done(
      undefined,
      this.#identities.map(({ key }) => key),
    );
  }

  override sign(key: ParsedKey, data: Buffer, ...rest: unknown[]): void {
    const done = rest.at(-1) as (error?: Error | null, signature?: Buffer) => void;
    const options = rest.length > 1 ? (rest[0] as { hash?: "sha256" | "sha512" }) : {};
    const identity = this.#identities.find((one) => one.key === key);
    if (identity === undefined) {
      done(new Error("a key that nobody has"));
      return;
    }
    identity.sign(data, options.hash).then(
      (signature) => done(null, signature),
      (error: Error) => done(error),
    );
  }
}

function parse(content: Buffer, passphrase?: string): ParsedKey | Error {
  const key: ParsedKey | ParsedKey[] | Error = utils.parseKey(content, passphrase);
  return Array.isArray(key) ? (key[0] ?? new Error("no key")) : key;
}

function read(file: string): Buffer | undefined {
  try {
    const content = readFileSync(file);
    return content.length > MAX_KEY_FILE ? undefined : content;
  } catch {
    return undefined;
  }
}

function isEncrypted(error: Error): boolean {
  return /encrypted|passphrase/i.test(error.message);
}

/** Asks for the passphrase until it fits, three times at most. */
async function unlock(file: string, content: Buffer, prompts: Prompts): Promise<ParsedKey> {
  for (let tries = 0; tries < PASSPHRASE_TRIES; tries++) {
    const passphrase = await prompts.secret(`Enter passphrase for key '${file}': `);
    if (passphrase === undefined || passphrase === "") break;
    const key = parse(content, passphrase);
    if (!(key instanceof Error)) return key;
  }
  throw new Error(`the key ${file} stays locked`);
}

function signWith(key: ParsedKey, data: Buffer, hash: string | undefined): Buffer {
  const signature: Buffer | Error = key.sign(data, hash);
  if (signature instanceof Error) throw signature;
  return signature;
}

/** The private key of a file, asked for its passphrase only when the server wants the key. */
async function fromFile(
  file: string,
  prompts: Prompts,
  named: boolean,
): Promise<Identity | undefined> {
  const content = read(file);
  if (content === undefined) {
    const why = existsSync(file) ? "the key can't be read" : "no such file";
    if (named) prompts.notice(`${file}: ${why}`);
    return undefined;
  }
  let opened = parse(content);
  if (opened instanceof Error && !isEncrypted(opened)) {
    if (named) prompts.notice(`${file}: not a private key`);
    return undefined;
  }
  if (!(opened instanceof Error) && !opened.isPrivateKey()) {
    if (named) prompts.notice(`${file}: ${PUBLIC}`);
    return undefined;
  }
  const beside = read(`${file}.pub`);
  let shown: ParsedKey | Error = opened;
  if (opened instanceof Error && beside !== undefined) shown = parse(beside);
  try {
    if (shown instanceof Error) shown = opened = await unlock(file, content, prompts);
  } catch (error) {
    if (named) prompts.notice((error as Error).message);
    return undefined;
  }
  return {
    key: shown,
    async sign(data, hash) {
      if (opened instanceof Error) opened = await unlock(file, content, prompts);
      return signWith(opened, data, hash);
    },
  };
}

function agentIdentities(path: string, prompts: Prompts): Promise<Identity[]> {
  return new Promise((resolve) => {
    const agent = createAgent(path) as InstanceType<typeof BaseAgent<ParsedKey>>;
    agent.getIdentities((error, keys) => {
      if (error) {
        prompts.notice("the SSH agent does not answer");
        return resolve([]);
      }
      const parsed = (keys ?? []).map((key) =>
        isParsed(key) ? key : parse(key as unknown as Buffer),
      );
      resolve(
        parsed.flatMap((key) => {
          if (key instanceof Error) return [];
          const sign: Sign = (data, hash) =>
            new Promise((signed, failed) => {
              const done = (problem?: Error | null, signature?: Buffer): void => {
                if (signature === undefined) failed(problem ?? new Error("the agent refuses"));
                else signed(signature);
              };
              agent.sign(key, data, hash === undefined ? {} : { hash }, done);
            });
          return [{ key, sign }];
        }),
      );
    });
  });
}

function isParsed(key: unknown): key is ParsedKey {
  return typeof (key as Partial<ParsedKey> | null)?.getPublicSSH === "function";
}

/** All keys to offer, each once: those named, then the agent's, then the standard files'. */
export async function identities(settings: LoginSettings, prompts: Prompts): Promise<Identity[]> {
  const { agent, identitiesOnly, namedIdentities: named } = settings;
  const agents = agent === undefined ? [] : await agentIdentities(agent, prompts);
  const held = new Map(agents.map((one) => [one.key.getPublicSSH().toString("base64"), one]));
  const files: Identity[] = [];
  for (const file of settings.identities) {
    const listed = read(`${file}.pub`);
    const known = listed === undefined ? undefined : parse(listed);
    const inAgent =
      known === undefined || known instanceof Error
        ? undefined
        : held.get(known.getPublicSSH().toString("base64"));
    const identity = inAgent ?? (await fromFile(file, prompts, named));
    if (identity !== undefined) files.push(identity);
  }
  const all = identitiesOnly ? files : named ? [...files, ...agents] : [...agents, ...files];
  const once = new Map(all.map((one) => [one.key.getPublicSSH().toString("base64"), one]));
  return [...once.values()];
}
