import { OpenFlag } from "../../src/sftp/wire/constants.ts";
import { S_IFDIR, S_IFLNK } from "../../src/vfs/types.ts";
import type { Command } from "./openssh-sftp-server-commands.ts";
import type { Answer } from "./openssh-sftp-server-twins.ts";

/** In which way Moorage is meant to differ from OpenSSH's server; docs/differences.md says why. */
export interface Difference {
  /** its heading in docs/differences.md */
  readonly title: string;
  /** requests that show it, on the furniture, and the two answers to the last of them */
  readonly example: {
    readonly commands: readonly Command[];
    readonly theirs: string;
    readonly ours: string;
  };
  /** Whether it is why these answers differ. Without it no random request meets it. */
  readonly explains?: (answer: Answer, probe: Probe) => boolean | Promise<boolean>;
}

/** Asks Moorage what stands at a path now: the type bits of LSTAT and of STAT; 0 for nothing. */
export type Probe = (path: string) => Promise<{ readonly link: number; readonly target: number }>;

const OK = "STATUS 0";
const END = "STATUS 1";
const NO_SUCH_FILE = "STATUS 2";
const DENIED = "STATUS 3";
const FAILURE = "STATUS 4";
const BAD_MESSAGE = "STATUS 5";
const UNSUPPORTED = "STATUS 8";

const REFUSALS = new Set([NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE]);
const ON_HANDLES = new Set(["close", "read", "write", "fsync", "copyData"]);
const TWO_PATHS = new Set(["rename", "posixRename", "hardlink"]);

/** Pairs of answers that mean the same: the handle can't be used for this. */
function isMisuse({ command, theirs, ours }: Answer): boolean {
  if (ours !== FAILURE) return false;
  if (command.op === "fsetstat") return theirs === BAD_MESSAGE;
  if (command.op === "read" && command.length === 0) return theirs === "DATA ";
  // Its server finds out when it writes, which it does not when there is nothing to copy.
  if (command.op === "copyData" && (theirs === OK || theirs === END)) return true;
  return ON_HANDLES.has(command.op) && theirs === NO_SUCH_FILE;
}

function isTooLong(path: string): boolean {
  return /[^/]{256}/.test(path);
}

function endsInSlash(path: string): boolean {
  return path.endsWith("/") || path.endsWith("/.");
}

function pathsOf(command: Command): string[] {
  return [
    "path" in command ? command.path : undefined,
    "to" in command && typeof command.to === "string" ? command.to : undefined,
  ].filter((path) => path !== undefined);
}

export const DIFFERENCES: readonly Difference[] = [
  {
    title: "A handle that is not open, or not for this",
    example: { commands: [{ op: "close", slot: 0 }], theirs: NO_SUCH_FILE, ours: FAILURE },
    explains: isMisuse,
  },
  {
    title: "Nothing to set",
    example: {
      commands: [{ op: "setstat", path: "missing", attrs: {} }],
      theirs: OK,
      ours: NO_SUCH_FILE,
    },
    explains: ({ command, theirs, ours }) => {
      if (command.op !== "setstat" && command.op !== "lsetstat") return false;
      const { size, permissions, times, owner } = command.attrs;
      const nothing = (size ?? permissions ?? times ?? owner) === undefined;
      return nothing && theirs === OK && (ours === NO_SUCH_FILE || ours === BAD_MESSAGE);
    },
  },
  {
    title: "A directory opened as a file",
    example: {
      commands: [{ op: "open", path: "d", flags: OpenFlag.READ, attrs: {} }],
      theirs: "HANDLE",
      ours: FAILURE,
    },
    explains: async ({ command, theirs, ours }, probe) =>
      command.op === "open" &&
      (command.flags & (OpenFlag.WRITE | OpenFlag.CREAT)) === 0 &&
      theirs === "HANDLE" &&
      ours === FAILURE &&
      (await probe(command.path)).target === S_IFDIR,
  },
  {
    title: "Truncating without writing",
    example: {
      commands: [
        { op: "open", path: "f", flags: OpenFlag.READ | OpenFlag.TRUNC, attrs: {} },
        { op: "read", slot: 0, position: 0, length: 10 },
      ],
      theirs: END,
      ours: 'DATA "f"x10 ',
    },
  },
  {
    title: "The canonical path of what is not there",
    example: {
      commands: [{ op: "realpath", path: "missing/../missing/f" }],
      theirs: NO_SUCH_FILE,
      ours: 'NAME "/missing/f"',
    },
    explains: async ({ command, theirs, ours }, probe) => {
      if (command.op !== "realpath" && command.op !== "expandPath") return false;
      if (!ours.startsWith("NAME ")) return false;
      if (theirs === NO_SUCH_FILE) return true;
      // A link whose text ends in a slash and leads to a file.
      const { link, target } = await probe(command.path);
      return link === S_IFLNK && target === 0 && theirs.startsWith("NAME ");
    },
  },
  {
    title: "Renaming to the name of a broken link",
    example: {
      commands: [{ op: "rename", path: "l", to: "dangling" }],
      theirs: OK,
      ours: FAILURE,
    },
    explains: async ({ command, ours }, probe) => {
      if (command.op !== "rename" || ours !== FAILURE) return false;
      const { link, target } = await probe(command.to);
      return link === S_IFLNK && target === 0;
    },
  },
  {
    title: "A rename that leaves a trace",
    example: {
      commands: [
        { op: "setstat", path: "d", attrs: { times: [86_400, 86_400] } },
        { op: "rename", path: "ro/f", to: "d/new" },
        { op: "lstat", path: "d" },
      ],
      theirs: "ATTRS 40755 1001:1001 - now",
      ours: "ATTRS 40755 1001:1001 - 86400",
    },
  },
  {
    title: "Copying within a file, or to the end of one",
    example: {
      commands: [
        { op: "open", path: "f", flags: 0x03, attrs: {} },
        { op: "copyData", slot: 0, position: 0, length: 5, target: 0, to: 10 },
      ],
      theirs: FAILURE,
      ours: OK,
    },
    explains: ({ command, theirs, ours }) =>
      command.op === "copyData" &&
      ((theirs === FAILURE && (ours === OK || ours === END || ours === BAD_MESSAGE)) ||
        ((theirs === OK || theirs === END) && ours === BAD_MESSAGE)),
  },
  {
    title: "Copying more than there is",
    example: {
      commands: [
        { op: "open", path: "f", flags: 0x01, attrs: {} },
        { op: "open", path: "new", flags: 0x0a, attrs: {} },
        { op: "copyData", slot: 1, position: 5, length: 10, target: 0, to: 0 },
      ],
      theirs: OK,
      ours: END,
    },
    explains: ({ command, theirs, ours }) =>
      command.op === "copyData" && theirs === OK && ours === END,
  },
  {
    title: "Removing the directory `.`",
    example: { commands: [{ op: "rmdir", path: "d/." }], theirs: BAD_MESSAGE, ours: FAILURE },
    explains: ({ command, theirs, ours }) =>
      command.op === "rmdir" &&
      /(^|\/)\.\/*$/.test(command.path) &&
      theirs === BAD_MESSAGE &&
      ours === FAILURE,
  },
  {
    title: "Directories stay readable",
    example: {
      commands: [
        { op: "mkdir", path: "new", attrs: { permissions: 0 } },
        { op: "lstat", path: "new" },
      ],
      theirs: "ATTRS 40000 1001:1001 - now",
      ours: "ATTRS 40500 1001:1001 - now",
    },
  },
  {
    title: "Set-ID and sticky bits",
    example: {
      commands: [
        { op: "setstat", path: "f", attrs: { permissions: 0o6755 } },
        { op: "lstat", path: "f" },
      ],
      theirs: "ATTRS 106755 1001:1001 10 now",
      ours: "ATTRS 100755 1001:1001 10 now",
    },
  },
  {
    title: "Permissions of a link",
    example: {
      commands: [{ op: "lsetstat", path: "l", attrs: { permissions: 0o600 } }],
      theirs: FAILURE,
      ours: UNSUPPORTED,
    },
  },
  {
    title: "Several attributes, one of which can't be set",
    example: {
      commands: [
        { op: "setstat", path: "d", attrs: { size: 1, permissions: 0o700 } },
        { op: "lstat", path: "d" },
      ],
      theirs: "ATTRS 40700 1001:1001 - now",
      ours: "ATTRS 40755 1001:1001 - now",
    },
  },
  {
    title: "The empty path",
    example: {
      commands: [{ op: "stat", path: "" }],
      theirs: NO_SUCH_FILE,
      ours: "ATTRS 40700 1001:1001 - now",
    },
  },
  {
    title: "Homes of others",
    example: {
      commands: [{ op: "homeDirectory", user: "nobody" }],
      theirs: FAILURE,
      ours: NO_SUCH_FILE,
    },
  },
  {
    title: "Which of several reasons",
    example: {
      commands: [{ op: "rename", path: "ld/", to: "f" }],
      theirs: FAILURE,
      ours: NO_SUCH_FILE,
    },
    explains: async ({ command, theirs, ours }, probe) => {
      if (!REFUSALS.has(theirs) || !REFUSALS.has(ours)) return false;
      const paths = pathsOf(command);
      if (paths.some(isTooLong)) return true;
      if (TWO_PATHS.has(command.op)) return paths.some(endsInSlash);
      // A new file by a link whose text ends in a slash.
      if (command.op !== "open" || (command.flags & OpenFlag.CREAT) === 0) return false;
      const { link, target } = await probe(command.path);
      return link === S_IFLNK && target === 0 && theirs === FAILURE && ours === NO_SUCH_FILE;
    },
  },
];

const CHANGING = new Set(["open", "copyData", ...TWO_PATHS]);

/** Whether the two differ from then on: only one of them did something. */
export function parts({ command, theirs, ours }: Answer): boolean {
  if (command.op === "rename" && theirs === DENIED) return true;
  if (theirs === ours) return false;
  return CHANGING.has(command.op) && !(REFUSALS.has(theirs) && REFUSALS.has(ours));
}
