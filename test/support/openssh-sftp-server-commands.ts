import fc from "fast-check";
import { OpenFlag } from "../../src/sftp/wire/constants.ts";
import { type ClientAttrs, type Requests, str, u32, u64 } from "./sftp-client-packets.ts";

/** What each request is made of. Paths and data are bytes as latin1, slots stand for handles. */
interface Fields {
  open: { path: string; flags: number; attrs: ClientAttrs };
  close: { slot: number };
  read: { slot: number; position: number; length: number };
  write: { slot: number; position: number; length: number; fill: number };
  lstat: { path: string };
  stat: { path: string };
  fstat: { slot: number };
  setstat: { path: string; attrs: ClientAttrs };
  fsetstat: { slot: number; attrs: ClientAttrs };
  opendir: { path: string };
  readdir: { slot: number };
  remove: { path: string };
  mkdir: { path: string; attrs: ClientAttrs };
  rmdir: { path: string };
  realpath: { path: string };
  rename: { path: string; to: string };
  readlink: { path: string };
  symlink: { target: string; path: string };
  posixRename: { path: string; to: string };
  hardlink: { path: string; to: string };
  fsync: { slot: number };
  lsetstat: { path: string; attrs: ClientAttrs };
  expandPath: { path: string };
  copyData: { slot: number; position: number; length: number; target: number; to: number };
  homeDirectory: { user: string };
  usersGroups: { uids: number[]; gids: number[] };
  statvfs: { path: string };
  fstatvfs: { slot: number };
  limits: Record<never, never>;
  unknown: { name: string };
}

export type Op = keyof Fields;
export type Command = { [K in Op]: { readonly op: K } & Readonly<Fields[K]> }[Op];

type Encoder<F> = (requests: Requests, fields: F, handle: (slot: number) => Buffer) => Buffer;

function raw(bytes: string): Buffer {
  return Buffer.from(bytes, "latin1");
}

function ids(values: readonly number[]): Buffer {
  return str(Buffer.concat(values.map(u32)));
}

const ENCODERS: { [K in Op]: Encoder<Fields[K]> } = {
  open: (r, { path, flags, attrs }) => r.open(raw(path), flags, attrs),
  close: (r, { slot }, handle) => r.close(handle(slot)),
  read: (r, { slot, position, length }, handle) => r.read(handle(slot), position, length),
  write: (r, { slot, position, length, fill }, handle) =>
    r.write(handle(slot), position, Buffer.alloc(length, fill)),
  lstat: (r, { path }) => r.lstat(raw(path)),
  stat: (r, { path }) => r.stat(raw(path)),
  fstat: (r, { slot }, handle) => r.fstat(handle(slot)),
  setstat: (r, { path, attrs }) => r.setstat(raw(path), attrs),
  fsetstat: (r, { slot, attrs }, handle) => r.fsetstat(handle(slot), attrs),
  opendir: (r, { path }) => r.opendir(raw(path)),
  readdir: (r, { slot }, handle) => r.readdir(handle(slot)),
  remove: (r, { path }) => r.remove(raw(path)),
  mkdir: (r, { path, attrs }) => r.mkdir(raw(path), attrs),
  rmdir: (r, { path }) => r.rmdir(raw(path)),
  realpath: (r, { path }) => r.realpath(raw(path)),
  rename: (r, { path, to }) => r.rename(raw(path), raw(to)),
  readlink: (r, { path }) => r.readlink(raw(path)),
  symlink: (r, { target, path }) => r.symlink(raw(target), raw(path)),
  posixRename: (r, { path, to }) =>
    r.extended("posix-rename@openssh.com", str(raw(path)), str(raw(to))),
  hardlink: (r, { path, to }) => r.extended("hardlink@openssh.com", str(raw(path)), str(raw(to))),
  fsync: (r, { slot }, handle) => r.extended("fsync@openssh.com", str(handle(slot))),
  lsetstat: (r, { path, attrs }) =>
    r.extended("lsetstat@openssh.com", r.setstat(raw(path), attrs).subarray(9)),
  expandPath: (r, { path }) => r.extended("expand-path@openssh.com", str(raw(path))),
  copyData: (r, { slot, position, length, target, to }, handle) =>
    r.extended(
      "copy-data",
      ...[str(handle(slot)), u64(position), u64(length), str(handle(target)), u64(to)],
    ),
  homeDirectory: (r, { user }) => r.extended("home-directory", str(raw(user))),
  usersGroups: (r, { uids, gids }) =>
    r.extended("users-groups-by-id@openssh.com", ids(uids), ids(gids)),
  statvfs: (r, { path }) => r.extended("statvfs@openssh.com", str(raw(path))),
  fstatvfs: (r, { slot }, handle) => r.extended("fstatvfs@openssh.com", str(handle(slot))),
  limits: (r) => r.extended("limits@openssh.com"),
  unknown: (r, { name }) => r.extended(name),
};

/** The frame of a command, with the server's own handles for its slots. */
export function encode(
  requests: Requests,
  command: Command,
  handle: (slot: number) => Buffer,
): Buffer {
  return (ENCODERS[command.op] as Encoder<unknown>)(requests, command, handle);
}

const LONGEST = "n".repeat(255);

const NAMES = ["f", "g", "d", "d/f", "d/g", "d/e", "d/e/f", "l", "ld", "dangling", "ro/f", "new"];
const RARE_NAMES = [
  ...["ld/f", "ld/e", "loop", "ro", "ro/new", "secret", "missing/f", "f/under", "up", "up/f"],
  ...["abs", "a b", "\xff\xfe", "\xc3\xbc", " ", "...", "-x", "a\nb", LONGEST, `${LONGEST}n`],
];
const ODD = [
  ...["/", ".", "..", "/..", "../..", "./", "d/..", "d/../f", "ld/..", "ld/../f", "../f"],
  ...["//f", "d//f", "./f", "d/./f", "f/..", "missing/..", "up/../f", "/.", "/../d"],
];

function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

const plainPath = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 2, arbitrary: fc.constantFrom(...RARE_NAMES) },
);

/** A path that may end in a slash or a dot, which makes it one of a directory. */
const path: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: plainPath },
  { weight: 8, arbitrary: plainPath.map(absolute) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD) },
  { weight: 1, arbitrary: plainPath.map((name) => `${name}/`) },
  { weight: 1, arbitrary: plainPath.map((name) => `${name}/.`) },
);

const slot = fc.nat(30);
const size = fc.oneof(
  fc.constantFrom(0, 1, 5, 10, 4096, 32768, 65536),
  fc.nat(100),
  fc.nat(200_000),
);
/** To set by path: none that a file has already, for file systems differ in what that does. */
const pathSize = fc.constantFrom(3, 1_021, 33_331, 131_071).chain((low) => {
  return fc.nat(100_000).map((more) => low + 7 * more);
});
const position = fc.oneof(
  { weight: 4, arbitrary: fc.nat(40) },
  { weight: 1, arbitrary: fc.constantFrom(0, 4096, 32768, 65_535, 3_000_000) },
);

/** Directories keep 0500 for the owner in Moorage, and files of all kinds come from OPEN. */
const pathMode = fc.constantFrom(0o500, 0o555, 0o700, 0o744, 0o755, 0o777, 0o100755);
const fileMode = fc.constantFrom(0, 0o200, 0o400, 0o444, 0o600, 0o644, 0o666, 0o755, 0o100640);
const time = fc.constantFrom(0, 1, 86_400, 1_000_000_000, 2 ** 31 - 1, 2 ** 31 + 5, 2 ** 32 - 1);
const OWN = 1001;

/** Attributes: one of them, or several that can be set. Where one can't, OpenSSH goes on. */
function attributes(
  mode: fc.Arbitrary<number>,
  sizes: fc.Arbitrary<number>,
): fc.Arbitrary<ClientAttrs> {
  const fields = {
    permissions: mode,
    size: sizes,
    times: fc.tuple(time, time),
    owner: fc.constant([OWN, OWN] as const),
  };
  return fc.oneof(
    fc.record({ permissions: fields.permissions }),
    fc.record({ size: fields.size }),
    fc.record({ times: fields.times }),
    fc.record({ owner: fc.constantFrom([OWN, OWN] as const, [0, 0] as const, [OWN, 0] as const) }),
    fc.record({ permissions: fields.permissions, times: fields.times }),
    fc.record({ permissions: fields.permissions, times: fields.times, owner: fields.owner }),
    fc.constant({}),
    fc.constant({ extended: [["a@b", "c"]] as const }),
  );
}

/** Without permissions: to set those without following links its server needs a /proc. */
const linkAttributes: fc.Arbitrary<ClientAttrs> = fc.oneof(
  fc.record({ times: fc.tuple(time, time) }),
  fc.record({ owner: fc.constant([OWN, OWN] as const) }),
  fc.record({ size }),
);

function command<K extends Op>(
  op: K,
  fields: { [F in keyof Fields[K]]: fc.Arbitrary<Fields[K][F]> },
): fc.Arbitrary<Command> {
  return fc.record({ op: fc.constant(op), ...fields }) as unknown as fc.Arbitrary<Command>;
}

/** Names as they are stored in links. */
const linkTarget = fc.oneof(path, fc.constantFrom("l", "../f", "/d/e", "nowhere", "/../f", "./d/"));

/**
 * Mostly combinations that clients use, but all others, too. To truncate without writing is
 * what no system defines.
 */
const flags = fc
  .oneof(fc.constantFrom(0x01, 0x02, 0x0a, 0x1a, 0x2a, 0x0e, 0x0b, 0x03), fc.nat(0x3f))
  .map((bits) => (bits & OpenFlag.WRITE ? bits : bits & ~OpenFlag.TRUNC));

const WEIGHTED: readonly (readonly [number, fc.Arbitrary<Command>])[] = [
  [10, command("open", { path, flags, attrs: attributes(fileMode, size) })],
  [5, command("close", { slot })],
  [8, command("read", { slot, position, length: size })],
  [10, command("write", { slot, position, length: size, fill: fc.integer({ min: 97, max: 122 }) })],
  [3, command("lstat", { path })],
  [3, command("stat", { path })],
  [3, command("fstat", { slot })],
  [4, command("setstat", { path, attrs: attributes(pathMode, pathSize) })],
  [3, command("fsetstat", { slot, attrs: attributes(fileMode, size) })],
  [5, command("opendir", { path })],
  [1, command("readdir", { slot })],
  [4, command("remove", { path })],
  [3, command("mkdir", { path, attrs: attributes(pathMode, size) })],
  [2, command("rmdir", { path })],
  [3, command("realpath", { path })],
  [4, command("rename", { path, to: path })],
  [2, command("readlink", { path })],
  [3, command("symlink", { target: linkTarget, path })],
  [4, command("posixRename", { path, to: path })],
  [3, command("hardlink", { path, to: path })],
  [1, command("fsync", { slot })],
  [2, command("lsetstat", { path, attrs: linkAttributes })],
  [
    1,
    command("expandPath", {
      path: fc.oneof(
        path,
        path.map((rest) => `~/${rest}`),
      ),
    }),
  ],
  [2, command("copyData", { slot, position, length: size, target: slot, to: position })],
  [1, command("homeDirectory", { user: fc.constant("ann") })],
  [1, command("usersGroups", { uids: fc.array(fc.nat(2)), gids: fc.array(fc.nat(2)) })],
  [1, command("unknown", { name: fc.constantFrom("", "x@y", "statvfs@openssh.co") })],
];

/** Sequences of requests, each with what makes most of them meet something. */
export const sequence: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(...WEIGHTED.map(([weight, arbitrary]) => ({ weight, arbitrary }))),
  { minLength: 1, maxLength: 60, size: "max" },
);

function made(path: string, fill: number, permissions = 0o644): Command[] {
  return [
    { op: "open", path, flags: 0x1b, attrs: { permissions } },
    { op: "write", slot: 0, position: 0, length: 10, fill },
    { op: "close", slot: 0 },
  ];
}

/** What stands in the tree when a sequence starts, made by requests, too. */
export const FURNITURE: readonly Command[] = [
  { op: "mkdir", path: "d", attrs: {} },
  { op: "mkdir", path: "d/e", attrs: { permissions: 0o700 } },
  { op: "mkdir", path: "ro", attrs: {} },
  ...made("f", 0x66),
  ...made("d/g", 0x67),
  ...made("ro/f", 0x72),
  ...made("secret", 0x73, 0),
  { op: "setstat", path: "ro", attrs: { permissions: 0o555 } },
  { op: "symlink", target: "f", path: "l" },
  { op: "symlink", target: "d", path: "ld" },
  { op: "symlink", target: "nowhere", path: "dangling" },
  { op: "symlink", target: "loop", path: "loop" },
  { op: "symlink", target: "..", path: "up" },
  { op: "symlink", target: "/d/g", path: "abs" },
  { op: "hardlink", path: "f", to: "d/f" },
];
