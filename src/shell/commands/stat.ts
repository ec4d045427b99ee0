import { modeText } from "../../sftp/longname.ts";
import type { ByteString } from "../../vfs/path.ts";
import { type FileStat, type Owner, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { fullTime } from "../listing.ts";
import { parseOptions } from "../options.ts";
import { named, quote } from "../quote.ts";
import { isLink } from "../tree.ts";
import { each, needOperands } from "./operands.ts";

const PERMISSIONS = 0o7777;

interface Subject {
  readonly name: ByteString;
  readonly stat: FileStat;
  readonly owner: Owner;
  readonly target: ByteString | undefined;
}

export const stat: Command = {
  name: "stat",
  summary: "print what is known of files",
  usage: `[-L] [-c FORMAT] FILE...
  -c  print FORMAT with %n name, %N quoted name, %s size, %F type, %a and %A permissions,
      %f raw mode, %h links, %u %U %g %G owner and group, %x %y and %X %Y times
  -L  follow links`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "c:L",
      long: { dereference: "L", "format=": "c" },
    });
    needOperands(options.operands);
    const format = options.value("c");
    return each(
      call,
      options.operands,
      (operand) => `cannot stat ${named(operand)}`,
      async (operand) => {
        const subject = await examine(call, operand, options.has("L"));
        await call.out.print(format === undefined ? page(subject) : `${fill(format, subject)}\n`);
      },
    );
  },
};

async function examine(call: Call, name: ByteString, follow: boolean): Promise<Subject> {
  const path = call.path(name);
  const found = await (follow ? call.fs.stat(path) : call.fs.lstat(path));
  const target = isLink(found) ? call.shown(await call.fs.readLink(path)) : undefined;
  return { name: call.shown(name), stat: found, owner: call.fs.owner, target };
}

function typeName({ mode, size }: FileStat): string {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return size === 0 ? "regular empty file" : "regular file";
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "symbolic link";
    default:
      return "special file";
  }
}

function octal(mode: number): string {
  return (mode & PERMISSIONS).toString(8);
}

function page({ name, stat: found, owner, target }: Subject): string {
  const permissions = `(${octal(found.mode).padStart(4, "0")}/${modeText(found.mode)})`;
  const arrow = target === undefined ? "" : ` -> ${target}`;
  const id = (number: number, text: string) =>
    `(${String(number).padStart(5)}/${text.padStart(8)})`;
  return `  File: ${name}${arrow}
  Size: ${String(found.size).padEnd(15)} Links: ${String(found.nlink).padEnd(11)} ${typeName(found)}
Access: ${permissions}  Uid: ${id(owner.uid, owner.user)}   Gid: ${id(owner.gid, owner.group)}
Access: ${fullTime(found.atime)}
Modify: ${fullTime(found.mtime)}
`;
}

/** The directives of GNU stat that mean something here; others print "?", as there. */
const DIRECTIVES: Readonly<Record<string, (subject: Subject) => string>> = {
  "%": () => "%",
  a: ({ stat }) => octal(stat.mode),
  A: ({ stat }) => modeText(stat.mode),
  f: ({ stat }) => stat.mode.toString(16),
  F: ({ stat }) => typeName(stat),
  g: ({ owner }) => String(owner.gid),
  G: ({ owner }) => owner.group,
  h: ({ stat }) => String(stat.nlink),
  n: ({ name }) => name,
  N: ({ name, target }) => quoted(name) + (target === undefined ? "" : ` -> ${quoted(target)}`),
  s: ({ stat }) => String(stat.size),
  u: ({ owner }) => String(owner.uid),
  U: ({ owner }) => owner.user,
  x: ({ stat }) => fullTime(stat.atime),
  X: ({ stat }) => String(stat.atime),
  y: ({ stat }) => fullTime(stat.mtime),
  Y: ({ stat }) => String(stat.mtime),
};

function quoted(name: ByteString): string {
  const text = quote(name);
  return text.startsWith("'") ? text : `'${text}'`;
}

function fill(format: ByteString, subject: Subject): string {
  return format.replace(/%(.)/gs, (_, letter: string) => DIRECTIVES[letter]?.(subject) ?? "?");
}
