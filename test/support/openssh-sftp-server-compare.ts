import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { PacketType, StatusCode } from "../../src/sftp/wire/constants.ts";
import { S_IFDIR, S_IFMT } from "../../src/vfs/types.ts";
import type { Reply, ReplyAttrs, ReplyName } from "./sftp-client-packets.ts";

/** Times this close to the test's are of the moment at which something was done, in seconds. */
const RECENT = 3600;

function timeText(seconds: number): string {
  return Math.abs(seconds - Date.now() / 1000) < RECENT ? "now" : String(seconds);
}

/** Without access times, and sizes of directories: those are the disk's own. */
function attrsText({ size, uid, gid, mode, mtime }: ReplyAttrs): string {
  const bytes = (mode & S_IFMT) === S_IFDIR ? "-" : size;
  return `${mode.toString(8)} ${uid}:${gid} ${bytes} ${timeText(mtime)}`;
}

/**
 * The columns of `ls -l` but for the size of directories and the time of what is recent. OpenSSH has
 * one more space behind the permissions.
 */
function longnameText({ name, longname, attrs }: ReplyName): string {
  const line = longname.toString("latin1");
  const columns = line.slice(0, line.length - name.length).replace(/^(\S{10}) +/, "$1 ");
  const kept = attrs && timeText(attrs.mtime) === "now" ? columns.slice(0, -13) : columns;
  return line.startsWith("d") ? kept.replace(/ +\d+ *(?=$| [A-Z])/, "") : kept;
}

/** An entry of a directory. What lies above it is not told: Moorage shows the directory itself. */
function entryText(entry: ReplyName): string {
  const name = JSON.stringify(entry.name.toString("latin1"));
  if (entry.attrs === undefined || name === '".."') return name;
  return `${name} ${attrsText(entry.attrs)} ${longnameText(entry)}`;
}

/** What OpenSSH's server says for each code, in no language; of FAILURE the text is left open. */
const TEXTS: Readonly<Record<number, string>> = {
  [StatusCode.OK]: "Success",
  [StatusCode.EOF]: "End of file",
  [StatusCode.NO_SUCH_FILE]: "No such file",
  [StatusCode.PERMISSION_DENIED]: "Permission denied",
  [StatusCode.BAD_MESSAGE]: "Bad message",
  [StatusCode.OP_UNSUPPORTED]: "Operation unsupported",
};

function statusText({ code, text, language }: Reply): string {
  const expected = code === StatusCode.FAILURE || (text === TEXTS[code] && language === "");
  return expected ? `STATUS ${code}` : `STATUS ${code} "${text}" "${language}"`;
}

/** What of a reply has to be the same on both servers, readable. */
export function outcome(reply: Reply): string {
  if (reply.type === PacketType.STATUS) return statusText(reply);
  if (reply.type === PacketType.HANDLE) return "HANDLE";
  if (reply.type === PacketType.DATA) return `DATA ${runs(reply.data)}`;
  if (reply.type === PacketType.ATTRS) return `ATTRS ${attrsText(reply.attrs)}`;
  if (reply.type === PacketType.NAME) return `NAME ${reply.names.map(entryText).join(", ")}`;
  return `${reply.type} ${reply.body.toString("hex")}`;
}

/** The replies of a listing as a whole: the order of entries is the disk's. */
export function listing(replies: readonly Reply[]): string {
  const names = replies.flatMap((reply) => (reply.type === PacketType.NAME ? reply.names : []));
  const rest = replies.filter((reply) => reply.type !== PacketType.NAME).map(outcome);
  return [...names.map(entryText).sort(), ...rest].join("\n");
}

/** Bytes that mostly repeat, in short and without loss. */
function runs(data: Buffer): string {
  const text = data.toString("latin1");
  return text.replace(
    /([\s\S])\1{3,}/g,
    (run, letter) => `${JSON.stringify(letter)}x${run.length} `,
  );
}

/** Everything below a directory of the host, as in {@link outcome}. */
export function treeText(directory: string): string[] {
  const lines: string[] = [];
  const visit = (at: Buffer, shown: string): void => {
    for (const entry of readdirSync(at, { encoding: "buffer" })) {
      const path = Buffer.concat([at, Buffer.from("/"), entry]);
      const stat = lstatSync(path);
      const name = `${shown}/${entry.toString("latin1")}`;
      const { mode, nlink } = stat;
      const time = timeText(Math.floor(stat.mtimeMs / 1000));
      let content = "";
      if (stat.isFile()) content = runs(readFileSync(path));
      if (stat.isSymbolicLink()) content = readlinkSync(path, "latin1");
      lines.push(`${name} ${mode.toString(8)} ${nlink} ${time} ${content}`);
      if (stat.isDirectory()) visit(path, name);
    }
  };
  visit(Buffer.from(directory), "");
  return lines.sort();
}
