import type { Client, SFTPWrapper } from "ssh2";

/** One call of ssh2's client as a promise. */
export function call<T>(
  start: (done: (error?: Error | null, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value as T)));
  });
}

/** Opens sftp on a connection that has logged in. */
export function openSftp(client: Client): Promise<SFTPWrapper> {
  return call<SFTPWrapper>((done) => client.sftp(done));
}
