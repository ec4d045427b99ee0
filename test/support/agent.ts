import { createServer, type Socket } from "node:net";
import { blobString } from "../../src/auth/blob.ts";
import type { Signer, SigningOptions } from "./signer.ts";

/** Messages of draft-ietf-sshm-ssh-agent. */
const REQUEST_IDENTITIES = 11;
const IDENTITIES = 12;
const SIGN_REQUEST = 13;
const SIGNATURE = 14;
const FAILURE = 5;

const SHA_256 = 2;

export interface Identity {
  /** a public key or a certificate */
  readonly blob: Buffer;
  readonly signer: Signer;
  /** how it is signed */
  readonly options?: SigningOptions;
}

export interface Agent {
  close(): Promise<void>;
}

/** An ssh-agent with keys in software, also such as FIDO tokens have. @param path of its socket */
export async function startAgent(path: string, identities: readonly Identity[]): Promise<Agent> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    let input: Buffer = Buffer.alloc(0);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    socket.on("data", (chunk) => {
      input = Buffer.concat([input, chunk]);
      while (input.length >= 4 && input.length >= 4 + input.readUInt32BE(0)) {
        const end = 4 + input.readUInt32BE(0);
        socket.write(blobString(answer(identities, input.subarray(4, end))));
        input = input.subarray(end);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(identities: readonly Identity[], request: Buffer): Buffer {
  if (request[0] === REQUEST_IDENTITIES) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(identities.length);
    const all = identities.flatMap(({ blob }) => [blobString(blob), blobString("in software")]);
    return Buffer.concat([Buffer.from([IDENTITIES]), count, ...all]);
  }
  if (request[0] !== SIGN_REQUEST) return Buffer.from([FAILURE]);
  const [blob, data] = [fieldAt(request, 1), fieldAt(request, 5 + request.readUInt32BE(1))];
  const flags = request.readUInt32BE(9 + blob.length + data.length);
  const identity = identities.find((one) => one.blob.equals(blob));
  if (identity === undefined) return Buffer.from([FAILURE]);
  const rsa = { algorithm: flags === SHA_256 ? "rsa-sha2-256" : "rsa-sha2-512" };
  const { signer, options = signer.type === "ssh-rsa" ? rsa : {} } = identity;
  return Buffer.concat([Buffer.from([SIGNATURE]), blobString(signer.sign(data, options))]);
}

function fieldAt(bytes: Buffer, at: number): Buffer {
  return bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at));
}
