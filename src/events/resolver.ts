import { type LookupAddress, lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { refusal } from "./addresses.ts";
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
  readonly #receiver: Receiver;
  readonly #resolve: Resolve;
  /** A lookup can't be ended, and takes a thread: there is one at a time. */
  #pending: Promise<readonly LookupAddress[]> | undefined;

  constructor(receiver: Receiver, resolve: Resolve = resolveByMachine) {
    this.#receiver = receiver;
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
      (found) => {
        if (options.all) callback(null, [found]);
        else callback(null, found.address, found.family);
      },
      (error: Error) => callback(error, ""),
    );
  };

  async #find(name: string): Promise<LookupAddress> {
    this.#pending ??= this.#resolve(name).finally(() => {
      this.#pending = undefined;
    });
    const found = await this.#pending;
    const good = found.find(({ address }) => refusal(address, this.#receiver) === undefined);
    if (good !== undefined) return good;
    const [first] = found;
    if (first === undefined) throw new RefusedAddress("the name has no address");
    this.#check(first.address);
    return first;
  }

  #check(address: string): void {
    const why = refusal(address, this.#receiver);
    if (why !== undefined) throw new RefusedAddress(why);
  }
}
