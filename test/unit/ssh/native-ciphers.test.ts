import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const SSH2 = new URL("../../../node_modules/ssh2/lib/protocol/crypto.js", import.meta.url).pathname;

// The collector runs in the midst of await, where a native object has no context to ask: there the
// ciphers that ssh2 compiles by itself ended Node.js 24.19 and later.
const PROGRAM = `
  const { CIPHER_INFO, MAC_INFO, createCipher, createDecipher, init } = require(${JSON.stringify(SSH2)});
  const cipher = CIPHER_INFO[process.argv[1]];
  const mac = MAC_INFO["hmac-sha2-256-etm@openssh.com"];
  const keys = {
    inbound: { seqno: 0, onPayload() {}, decipherInfo: cipher, macInfo: mac },
    outbound: { seqno: 0, onWrite() {}, cipherInfo: cipher, macInfo: mac },
  };
  for (const [end, kind] of [[keys.inbound, "decipher"], [keys.outbound, "cipher"]]) {
    end[kind + "Key"] = Buffer.alloc(cipher.keyLen);
    end[kind + "IV"] = Buffer.alloc(cipher.ivLen);
    end.macKey = Buffer.alloc(mac.len);
  }
  let made = 0;
  async function connection(i) {
    if (i % 50 === 0) {
      createCipher(keys).free();
      createDecipher(keys).free();
      made += 1;
    }
    await null;
  }
  async function many() {
    for (let i = 0; i < 200_000; i++) await connection(i);
  }
  init.then(() => Promise.all([many(), many(), many()])).then(() => process.stdout.write(String(made)));
`;

describe("ciphers that are collected while nothing runs don't end the process", () => {
  test.each(["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"])(
    "%s",
    async (name) => {
      const run = await promisify(execFile)(process.execPath, ["--eval", PROGRAM, name]);
      expect(run.stdout).toBe("12000");
    },
  );
});
