/** The algorithms of GNU's commands for checksums, and of b3sum, which prints the same. */
export const GNU_SUMS = {
  md5sum: "md5",
  sha1sum: "sha1",
  sha224sum: "sha224",
  sha256sum: "sha256",
  sha384sum: "sha384",
  sha512sum: "sha512",
  b2sum: "blake2b512",
  b3sum: "blake3",
} as const;

/** Every command that prints checksums of its standard input. */
export const SUM_NAMES = [...Object.keys(GNU_SUMS), "md5", "sha1", "crc32", "cksum"] as const;

/** Words that begin what this shell has not: loops, conditions, groups. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  "! { } [[ ]] case coproc do done elif else esac fi for function if in select then time until while".split(
    " ",
  ),
);
