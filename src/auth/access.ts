import { Networks } from "./addresses.ts";
import type { Bans } from "./bans.ts";

/** The `access` settings: addresses and networks; read at each use, so that they can change. */
export interface AccessSettings {
  /** who may connect; empty: everybody */
  readonly allow: readonly string[];
  /** who may not, also when `allow` has the address */
  readonly deny: readonly string[];
}

/** Why an address may not connect. */
export interface Unwelcome {
  /** for the audit trail */
  readonly why: string;
  /** what the user of a session reads that ends for it */
  readonly text: string;
  /** what everybody reads who is not let in */
  readonly refusal: string;
}

/** The same whatever the reason is: strangers aren't told. */
const REFUSAL = "Connections from your address are refused";

const NOT_ALLOWED_ANY_MORE = "Connections from your address are not allowed any more";

const DENIED: Unwelcome = {
  why: "address in access.deny",
  text: NOT_ALLOWED_ANY_MORE,
  refusal: REFUSAL,
};
const NOT_ALLOWED: Unwelcome = {
  why: "address not in access.allow",
  text: NOT_ALLOWED_ANY_MORE,
  refusal: REFUSAL,
};
const BANNED: Unwelcome = {
  why: "address banned",
  text: "Your address was banned by an administrator",
  refusal: REFUSAL,
};

/** A list of the settings, made ready again whenever a reload has put another in its place. */
export class LiveNetworks {
  readonly #list: () => readonly string[];
  #ready: { readonly list: readonly string[]; readonly networks: Networks } | undefined;

  constructor(list: () => readonly string[]) {
    this.#list = list;
  }

  get isEmpty(): boolean {
    return this.#list().length === 0;
  }

  has(address: string): boolean {
    const list = this.#list();
    if (this.#ready?.list !== list) this.#ready = { list, networks: new Networks(list) };
    return this.#ready.networks.has(address);
  }
}

/** Which addresses may connect at all: the lists of the settings, and bans by hand. */
export class Access {
  readonly #allow: LiveNetworks;
  readonly #deny: LiveNetworks;
  readonly #bans: Pick<Bans, "has">;

  constructor(settings: AccessSettings, bans: Pick<Bans, "has">) {
    this.#allow = new LiveNetworks(() => settings.allow);
    this.#deny = new LiveNetworks(() => settings.deny);
    this.#bans = bans;
  }

  /**
   * Undefined: the address may connect. Costs some microseconds.
   * @param address undefined: not known, which no list allows
   */
  async refuses(address: string | undefined): Promise<Unwelcome | undefined> {
    if (address === undefined) return this.#allow.isEmpty ? undefined : NOT_ALLOWED;
    if (this.#deny.has(address)) return DENIED;
    if (!this.#allow.isEmpty && !this.#allow.has(address)) return NOT_ALLOWED;
    return (await this.#bans.has(address)) ? BANNED : undefined;
  }
}
