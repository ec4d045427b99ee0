// Does operations, given as JSON on standard input, with ssh2-sftp-client as its users would.
import { createReadStream, createWriteStream, readFileSync, statSync } from "node:fs";
import SftpClient from "ssh2-sftp-client";

const { login, ops, goOn } = JSON.parse(readFileSync(0, "utf8"));

/** @type {Record<string, (sftp: SftpClient, op: any) => Promise<unknown>>} */
const PERFORM = {
  async list(sftp, { path }) {
    const names = (await sftp.list(path)).map(({ name }) => name);
    process.stdout.write(`${JSON.stringify({ names })}\n`);
  },
  // fastPut sends its pieces as its own reads end: one that is cut may have a hole in front of its end.
  put: (sftp, { here, there, inOrder }) =>
    inOrder ? sftp.put(here, there) : sftp.fastPut(here, there),
  get: (sftp, { here, there }) => sftp.fastGet(there, here),
  putTree: (sftp, { here, there }) => sftp.uploadDir(here, there),
  getTree: (sftp, { here, there }) => sftp.downloadDir(there, here),
  async resumePut(sftp, { here, there }) {
    const { size } = await sftp.stat(there);
    await sftp.append(createReadStream(here, { start: size }), there);
  },
  async resumeGet(sftp, { here, there }) {
    const start = statSync(here).size;
    const rest = createWriteStream(here, { flags: "a" });
    await sftp.get(there, rest, { readStreamOptions: { start } });
  },
  rename: (sftp, { from, to }) => sftp.rename(from, to),
  replace: (sftp, { from, to }) => sftp.posixRename(from, to),
  remove: (sftp, { path }) => sftp.delete(path),
  mkdir: (sftp, { path }) => sftp.mkdir(path),
  rmdir: (sftp, { path }) => sftp.rmdir(path),
  chmod: (sftp, { path, mode }) => sftp.chmod(path, mode),
};

const sftp = new SftpClient();
try {
  const secret =
    login.password === undefined
      ? { privateKey: readFileSync(login.key.openssh) }
      : { password: login.password };
  const place = { host: "127.0.0.1", port: login.port, username: login.user };
  await sftp.connect({ ...place, ...secret, readyTimeout: 60_000 });
  for (const op of ops) {
    try {
      await PERFORM[op.do](sftp, op);
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`${op.do}: ${error.message}\n`);
      if (!goOn) break;
    }
  }
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(`${error.message}\n`);
} finally {
  await sftp.end().catch(() => {});
}
