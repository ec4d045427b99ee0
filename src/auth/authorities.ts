import type { AuthorityStore } from "../store/authorities.ts";
import { nameOf, networkProblem, parseNetwork } from "./addresses.ts";
import { BlobError, BlobReader, damaged } from "./blob.ts";
import {
  type Certificate,
  certificateAlgorithm,
  certifiedType,
  isGenuine,
  parseCertificate,
} from "./certificate.ts";
import { fingerprint } from "./key-blob.ts";
import type { KeyGrant, KeyObjection } from "./key-grant.ts";
import { MAX_FROM } from "./login-limits-text.ts";

/** A certificate's key with what it may be used for, or why it is of no use. */
export type Judgement =
  | { readonly grant: KeyGrant }
  /** for logs only; absent: no authority of ours made it, and nobody need know of it */
  | { readonly grant?: undefined; readonly refusal?: string };

const UNKNOWN: Judgement = {};

/** Whoever has a certificate for ever has one without an end. Seconds since the epoch. */
const LAST_SECOND = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / 1_000));
const MAX_VALUE = 8 * 1_024;

/** Decides what user certificates (OpenSSH's PROTOCOL.certkeys) are worth. */
export class Authorities {
  readonly #store: Pick<AuthorityStore, "find" | "isRevoked">;

  constructor(store: Pick<AuthorityStore, "find" | "isRevoked">) {
    this.#store = store;
  }

  /**
   * What a certificate lets its key do for the user `name`, who may not exist: the work is the same. Its
   * end and its addresses are in the grant and not looked at.
   * @param algorithm that the request names
   * @param now milliseconds since the epoch
   */
  async judge(name: string, algorithm: string, blob: Buffer, now: number): Promise<Judgement> {
    const certificate = parsed(algorithm, blob);
    if (certificate === undefined) return UNKNOWN;
    const known = await this.#store.find(certificate.fingerprint);
    if (known === undefined || !isGenuine(certificate)) return UNKNOWN;
    try {
      const grant = grantOf(certificate, name, now);
      return (await this.isRevoked(grant)) ? { refusal: "the certificate is revoked" } : { grant };
    } catch (error) {
      if (!(error instanceof BlobError)) throw error;
      const isOurs = error.message.startsWith("the ");
      return { refusal: isOurs ? error.message : "the certificate is damaged" };
    }
  }

  /** What there is by now against a certificate that was good; undefined: nothing. */
  async objection(grant: KeyGrant): Promise<KeyObjection | undefined> {
    const { certificate } = grant;
    if (certificate !== undefined && !(await this.#store.find(certificate.authority))) {
      return "authority";
    }
    return (await this.isRevoked(grant)) ? "revoked" : undefined;
  }

  isRevoked({ key, certificate }: KeyGrant): Promise<boolean> {
    return this.#store.isRevoked(key, certificate);
  }
}

/** Undefined for what is none, or not of the type and hash that the request names. */
function parsed(algorithm: string, blob: Buffer): Certificate | undefined {
  const wanted = certificateAlgorithm(algorithm);
  if (wanted === undefined) return undefined;
  const type = wanted.startsWith("rsa-") ? "ssh-rsa" : certifiedType(algorithm);
  try {
    const certificate = parseCertificate(blob);
    return certificate.key.name === type ? certificate : undefined;
  } catch (error) {
    if (error instanceof BlobError) return undefined;
    throw error;
  }
}

/** @throws BlobError when it is not for that user, not now, or wants what can't be had */
function grantOf(certificate: Certificate, name: string, now: number): KeyGrant {
  const { fingerprint: authority, serial, id } = certificate;
  if (certificate.kind !== "user") throw refused("is one of a host");
  checkTime(certificate, now);
  if (certificate.principals.length === 0) throw refused("names no user");
  if (!certificate.principals.includes(name)) throw refused("is for other users");
  const { validBefore, extensions } = certificate;
  return {
    ...criticalOptions(certificate),
    key: fingerprint(certificate.keyBlob),
    expiresAt: validBefore > LAST_SECOND ? null : Number(validBefore) * 1_000,
    pty: extensions.has("permit-pty"),
    touch: !extensions.has("no-touch-required"),
    certificate: { authority, serial, id },
  };
}

function refused(why: string): BlobError {
  return new BlobError(`the certificate ${why}`);
}

function checkTime({ validAfter, validBefore }: Certificate, now: number): void {
  const seconds = BigInt(Math.floor(now / 1_000));
  if (seconds < validAfter) throw refused("is not valid yet");
  if (seconds >= validBefore) throw refused("has expired");
}

/** All have to be understood, or the certificate is of no use. */
function criticalOptions({ critical }: Certificate): Pick<KeyGrant, "from" | "verify"> {
  let from: readonly string[] | null = null;
  let verify = false;
  for (const [name, data] of critical) {
    if (name === "source-address") from = sourceAddresses(data);
    else if (name === "verify-required") verify = data.length === 0 || notEmpty();
    else throw refused("has a critical option that is not possible here");
  }
  return { from, verify };
}

function notEmpty(): never {
  throw damaged();
}

function sourceAddresses(data: Buffer): readonly string[] {
  const reader = new BlobReader(data);
  const texts = reader.text(MAX_VALUE).split(",");
  reader.end();
  if (texts.length > MAX_FROM) throw refused("has too many source addresses");
  return texts.map((text) => {
    const network = networkProblem(text) === undefined ? parseNetwork(text) : undefined;
    if (network === undefined) throw refused("has a source address that is none");
    return nameOf(network);
  });
}
