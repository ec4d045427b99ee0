import { hasBlake3 } from "../hash.js";
import type { OpenFile } from "../vfs/types.ts";

/**
 * What can be computed, by OpenSSL's names; "blake3" only where {@link hasBlake3}; "crc32" is that of zip (RFC 1952 section 8) and
 * "posix-crc" that of cksum(1), over the bytes and then their number. Both are big-endian.
 */
export const DIGEST_ALGORITHMS = [
  "md5",
  "sha1",
  "sha224",
  "sha256",
  "sha384",
  "sha512",
  "blake2b512",
  "blake3",
  "crc32",
  "posix-crc",
] as const;

export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

/** What `digests.on_upload` may name: what any machine can compute. */
export const ON_UPLOAD = DIGEST_ALGORITHMS.filter((name) => name !== "blake3");

/** Those of this machine. */
export function availableDigests(): readonly DigestAlgorithm[] {
  return DIGEST_ALGORITHMS.filter((name) => name !== "blake3" || hasBlake3());
}

/** Bytes of one digest. */
export const DIGEST_BYTES: Readonly<Record<DigestAlgorithm, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  blake2b512: 64,
  blake3: 32,
  crc32: 4,
  "posix-crc": 4,
};

/** The `digests` settings, read when the service starts. */
export interface DigestSettings {
  /** threads that hash what is asked for; 0: as many as the processor allows, 1 to 4 */
  readonly workers: number;
  /** files and streams that wait or are being hashed, of all users; more are refused */
  readonly queue: number;
  readonly queuePerUser: number;
  /** what is computed along with an upload; empty: nothing */
  readonly onUpload: readonly DigestAlgorithm[];
  /** uploads followed at once, with those whose hashing is not done yet */
  readonly uploads: number;
  /** files whose digests are kept */
  readonly maxRecords: number;
}

/** A part of a file, and how it is cut: every block gets a digest of its own, the last a short one. */
export interface DigestRange {
  readonly position: number;
  /** bytes; what lies past the end of the file doesn't count */
  readonly length: number;
  /** 0: one digest of all */
  readonly blockSize: number;
}

/** Called now and then with the bytes hashed so far. */
export type DigestProgress = (bytes: number) => void;

/**
 * Computes checksums for one user, away from the event loop. All methods reject with FsError (EBUSY
 * when too much is waiting), or with the signal's reason when it aborts.
 */
export interface Digests {
  /** Of a whole file that is open for reading; not read when its digest is known. */
  file(
    file: OpenFile,
    algorithm: DigestAlgorithm,
    signal: AbortSignal,
    onProgress?: DigestProgress,
  ): Promise<Buffer>;
  /** Several of one file in one pass, in the order asked for. */
  fileAll(
    file: OpenFile,
    algorithms: readonly DigestAlgorithm[],
    signal: AbortSignal,
    onProgress?: DigestProgress,
  ): Promise<Buffer[]>;
  /** The digests of a file's blocks, one behind the other. */
  range(
    file: OpenFile,
    algorithm: DigestAlgorithm,
    range: DigestRange,
    signal: AbortSignal,
    onProgress?: DigestProgress,
  ): Promise<Buffer>;
  /** Of bytes that come one after the other; a piece may be reused once the next one is asked for. */
  stream(
    data: AsyncIterable<Buffer>,
    algorithm: DigestAlgorithm,
    signal: AbortSignal,
  ): Promise<Buffer>;
}
