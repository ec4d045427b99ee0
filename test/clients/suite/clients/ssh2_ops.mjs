// Does operations, given as JSON on standard input, with ssh2's own SFTP as its users would.
import { createReadStream, createWriteStream, readFileSync, statSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import ssh2 from "ssh2";

const { login, ops, goOn } = JSON.parse(readFileSync(0, "utf8"));

/** @type {Record<string, (sftp: any, op: any) => Promise<unknown>>} */
const PERFORM = {
  async list(sftp, { path }) {
    const names = (await call(sftp, "readdir", path)).map(({ filename }) => filename);
    process.stdout.write(`${JSON.stringify({ names })}\n`);
  },
  // fastPut sends its pieces as its own reads end: one that is cut may have a hole in front of its end.
  put: (sftp, { here, there, inOrder }) =>
    inOrder
      ? pipeline(createReadStream(here), sftp.createWriteStream(there))
      : call(sftp, "fastPut", here, there),
  get: (sftp, { here, there }) => call(sftp, "fastGet", there, here),
  async putKept(sftp, { here, there }) {
    const { mode, atimeMs, mtimeMs } = statSync(here);
    await call(sftp, "fastPut", here, there, { mode: mode & 0o777 });
    await call(sftp, "utimes", there, atimeMs / 1000, mtimeMs / 1000);
  },
  async resumePut(sftp, { here, there }) {
    const { size: start } = await call(sftp, "stat", there);
    const rest = sftp.createWriteStream(there, { flags: "r+", start });
    await pipeline(createReadStream(here, { start }), rest);
  },
  async resumeGet(sftp, { here, there }) {
    const start = statSync(here).size;
    await pipeline(
      sftp.createReadStream(there, { start }),
      createWriteStream(here, { flags: "a" }),
    );
  },
  rename: (sftp, { from, to }) => call(sftp, "rename", from, to),
  replace: (sftp, { from, to }) => call(sftp, "ext_openssh_rename", from, to),
  symlink: (sftp, { from, to }) => call(sftp, "symlink", from, to),
  hardlink: (sftp, { from, to }) => call(sftp, "ext_openssh_hardlink", from, to),
  remove: (sftp, { path }) => call(sftp, "unlink", path),
  mkdir: (sftp, { path }) => call(sftp, "mkdir", path),
  rmdir: (sftp, { path }) => call(sftp, "rmdir", path),
  chmod: (sftp, { path, mode }) => call(sftp, "chmod", path, mode),
  async df(sftp, { path }) {
    const { f_blocks, f_bfree, f_frsize } = await call(sftp, "ext_openssh_statvfs", path);
    const used = (f_blocks - f_bfree) * f_frsize;
    process.stdout.write(`${JSON.stringify({ total: f_blocks * f_frsize, used })}\n`);
  },
};

/** A call of the library's as a promise. */
function call(sftp, name, ...args) {
  return promisify(sftp[name].bind(sftp))(...args);
}

function connected(ssh) {
  const secret =
    login.password === undefined
      ? { privateKey: readFileSync(login.key.openssh) }
      : { password: login.password };
  const place = { host: "127.0.0.1", port: login.port, username: login.user };
  return new Promise((resolve, reject) => {
    ssh.once("ready", resolve);
    ssh.on("error", reject);
    ssh.connect({ ...place, ...secret, readyTimeout: 60_000 });
  });
}

const ssh = new ssh2.Client();
// When the connection breaks some calls are never answered.
const closed = new Promise((_, reject) => {
  ssh.once("close", () => reject(new Error("connection closed")));
});
closed.catch(() => {});
try {
  await connected(ssh);
  const sftp = await promisify(ssh.sftp.bind(ssh))();
  for (const op of ops) {
    try {
      await Promise.race([PERFORM[op.do](sftp, op), closed]);
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
  ssh.end();
}
