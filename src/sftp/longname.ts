import { type ByteString, fromText } from "../vfs/path.ts";
import { type FileStat, type Owner, S_IFMT } from "../vfs/types.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const HALF_YEAR = (365 * 24 * 60 * 60) / 2;

const TYPES: ReadonlyMap<number, string> = new Map([
  [0o010000, "p"],
  [0o020000, "c"],
  [0o040000, "d"],
  [0o060000, "b"],
  [0o100000, "-"],
  [0o120000, "l"],
  [0o140000, "s"],
]);

/** "drwxr-xr-x", with s, S, t and T for the set-id and sticky bits, as `ls -l` prints it. */
export function modeText(mode: number): string {
  const bit = (mask: number, letter: string) => (mode & mask ? letter : "-");
  const execute = (mask: number, special: number, letter: string) => {
    if (mode & special) return mode & mask ? letter : letter.toUpperCase();
    return bit(mask, "x");
  };
  return (
    (TYPES.get(mode & S_IFMT) ?? "?") +
    bit(0o400, "r") +
    bit(0o200, "w") +
    execute(0o100, 0o4000, "s") +
    bit(0o040, "r") +
    bit(0o020, "w") +
    execute(0o010, 0o2000, "s") +
    bit(0o004, "r") +
    bit(0o002, "w") +
    execute(0o001, 0o1000, "t")
  );
}

/** English month and day with the time, or with the year when over half a year old or ahead. */
export function dateText(mtime: number, now: number): string {
  const date = new Date(mtime * 1000);
  const day = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)}`;
  if (mtime > now || now - mtime >= HALF_YEAR) return `${day}  ${date.getFullYear()}`;
  const hours = String(date.getHours()).padStart(2, "0");
  return `${day} ${hours}:${String(date.getMinutes()).padStart(2, "0")}`;
}

/** The owner and group columns. Clients split the line at spaces, so a name has none. */
export function ownerColumns(owner: Owner): ByteString {
  const column = (name: string) => (fromText(name.replace(/\s/g, "_")) as string).padEnd(8);
  return `${column(owner.user)} ${column(owner.group)}` as ByteString;
}

/**
 * The line of `ls -l` for one entry, as clients parse it.
 * @param columns from {@link ownerColumns}
 * @param now seconds since the epoch
 */
export function longname(
  name: ByteString,
  stat: FileStat,
  columns: ByteString,
  now: number,
): ByteString {
  const links = String(stat.nlink).padStart(3);
  const size = String(stat.size).padStart(8);
  const date = dateText(stat.mtime, now);
  return `${modeText(stat.mode)} ${links} ${columns} ${size} ${date} ${name}` as ByteString;
}
