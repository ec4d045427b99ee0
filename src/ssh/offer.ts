/** The lists of algorithms that a KEXINIT of ours says (RFC 4253 section 7.1). */
import { createRequire } from "node:module";
import { ALGORITHMS, HYBRID_KEX } from "./algorithms.ts";
import type { Offer, Protocol } from "./internals.ts";

const { KexInit } = createRequire(import.meta.url)("ssh2/lib/protocol/kex.js") as {
  KexInit: new (lists: object) => Offer;
};

const DIRECTION = {
  cipher: [...ALGORITHMS.cipher],
  mac: [...ALGORITHMS.hmac],
  compress: [...ALGORITHMS.compress],
  lang: [],
};

/** ssh2 adds ssh-rsa (SHA-1) to every RSA host key, so the server's offer is made here. */
export const OFFER = new KexInit({
  kex: [HYBRID_KEX, ...ALGORITHMS.kex, "kex-strict-s-v00@openssh.com"],
  serverHostKey: [...ALGORITHMS.serverHostKey],
  cs: DIRECTION,
  sc: DIRECTION,
});

/** Offers the server's algorithms; to be called before the key exchange starts (in "connection"). */
export function offerAlgorithms(protocol: Protocol): void {
  protocol._offer = OFFER;
}

/** A client's offer with the hybrid before all others; to be called before the key exchange starts. */
export function offerHybrid(protocol: Protocol): void {
  const { kex, serverHostKey, cs, sc } = protocol._offer.lists;
  protocol._offer = new KexInit({
    kex: [HYBRID_KEX, ...kex.array],
    serverHostKey: serverHostKey.array,
    cs: arrays(cs),
    sc: arrays(sc),
  });
}

function arrays({ cipher, mac, compress, lang }: Offer["lists"]["cs"]): object {
  return { cipher: cipher.array, mac: mac.array, compress: compress.array, lang: lang.array };
}
