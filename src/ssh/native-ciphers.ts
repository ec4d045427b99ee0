import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** What ssh2 loads where it is there (lib/protocol/crypto.js): ciphers that work in place. */
const NATIVE_PART = "ssh2/lib/protocol/crypto/build/Release/sshcrypto.node";

/** What a native object calls when it is collected, and what ends the process where it can't answer. */
const HOOK = "RemoveEnvironmentCleanupHook";

/** False: ssh2 has the ciphers of Node.js, which make new memory for each packet. */
export const HAS_NATIVE_CIPHERS: boolean = find();

/** @throws Error for a native part that scripts/native didn't make (by `npm rebuild`, for one) */
function find(): boolean {
  const { bindingAvailable } = require("ssh2/lib/protocol/crypto.js") as {
    bindingAvailable: boolean;
  };
  if (bindingAvailable && readFileSync(require.resolve(NATIVE_PART)).includes(HOOK)) {
    throw new Error("the ciphers that ssh2 compiled by itself would end the process: run npm ci");
  }
  return bindingAvailable;
}
