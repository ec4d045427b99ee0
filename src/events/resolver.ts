import { type LookupAddress, lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { refuser } from "./addresses.ts";
import type { Receiver } from "./types.ts";

/** Nothing is sent there. */
export class RefusedAddress extends Error {
  override readonly name = "RefusedAddress";
}

export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

/** By the machine's own ways, so that /etc/hosts counts. */
function resolveByMachine(name: string): Promise<readonly LookupAddress[]> {
  return new Promise((done, reject) => {
    lookup(name, { all: true }, (error, found) => (error ? reject(error) : done(found)));
  });
}

/**
 * Finds the address that a connection to a receiver goes to. A name is resolved once for each
 * connection, and what was looked at is what is connected to: a name that leads elsewhere a moment
 * later leads nowhere.
 */
export class Resolver {
  readonly #refusal: (address: string) => string | undefined;
  readonly #resolve: Resolve;
  /** A lookup can't be ended, and takes a thread: there is one at a time. */
  #pending: Promise<readonly LookupAddress[]> | undefined;

  constructor(receiver: Receiver, resolve: Resolve = resolveByMachine) {
    this.#refusal = refuser(receiver);
    this.#resolve = resolve;
  }

  /** An address instead of a name is not looked up. @throws RefusedAddress */
  checkLiteral(host: string): void {
    const address = host.replace(/^\[(.*)\]$/, "$1");
    if (isIP(address) !== 0) this.#check(address);
  }

  /** For node:net. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.#find(name).then(
      ([first, ...more]) => {
        if (options.all) callback(null, [first, ...more]);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, ""),
    );
  };

  /** All that may be: when one of them can't be reached, node:net tries the next. */
  async #find(name: string): Promise<[LookupAddress, ...LookupAddress[]]> {
    this.#pending ??= this.#resolve(name).finally(() => {
      this.#pending = undefined;
    });
    const found = await this.#pending;
    const isGood = ({ address }: LookupAddress) => this.#refusal(address) === undefined;
    const [good, ...more] = found.filter(isGood);
    if (good !== undefined) return [good, ...more];
    const why = found.map(({ address }) => this.#refusal(address));
    throw new RefusedAddress(why[0] ?? "the name has no address");
  }

  #check(address: string): void {
    const why = this.#refusal(address);
    if (why !== undefined) throw new RefusedAddress(why);
  }
}
