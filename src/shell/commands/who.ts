import { type ByteString, display, fromText } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import { table } from "../columns.ts";
import { CommandError, UsageError } from "../errors.ts";
import { fullTime, zone } from "../listing.ts";
import { parseOptions } from "../options.ts";
import { parseDate } from "./touch.ts";

function ownerOnly(call: Call, operands: readonly ByteString[]): void {
  const [name] = operands;
  if (name === undefined || name === call.fs.owner.user) return;
  throw new CommandError(`'${display(name)}': no such user`);
}

export const id: Command = {
  name: "id",
  summary: "print who you are",
  usage: `[-u | -g | -G] [-n]
  -u  the user
  -g  the group
  -G  the groups
  -n  names instead of numbers`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "ugGn",
      long: { user: "u", group: "g", groups: "G", name: "n" },
    });
    ownerOnly(call, options.operands);
    const { uid, gid, user, group } = call.fs.owner;
    const which = options.last("ugG");
    if (which === undefined && options.has("n")) {
      throw new CommandError("cannot print only names or real IDs in default format");
    }
    const name = which === "u" ? user : group;
    const number = which === "u" ? uid : gid;
    const short = options.has("n") ? name : String(number);
    const long = `uid=${uid}(${user}) gid=${gid}(${group}) groups=${gid}(${group})`;
    await call.out.print(fromText(`${which === undefined ? long : short}\n`));
    return 0;
  },
};

function printing(name: string, summary: string, text: (call: Call) => string): Command {
  return {
    name,
    summary,
    usage: "",
    async run(call) {
      const { operands } = parseOptions(call.args, { short: "" });
      if (name === "groups") ownerOnly(call, operands);
      else if (operands.length > 0) {
        throw new UsageError(`extra operand '${display(operands[0] as ByteString)}'`);
      }
      await call.out.print(fromText(`${text(call)}\n`));
      return 0;
    },
  };
}

export const whoami = printing("whoami", "print your user name", (call) => call.fs.owner.user);
export const groups = printing("groups", "print your groups", (call) => call.fs.owner.group);

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS =
  "January February March April May June July August September October November December".split(
    " ",
  );

/** The conversions of strftime(3) in the C locale that date knows here. */
const CONVERSIONS: Readonly<Record<string, (date: Date, utc: boolean) => string>> = {
  "%": () => "%",
  a: (date) => (DAYS[date.getDay()] as string).slice(0, 3),
  A: (date) => DAYS[date.getDay()] as string,
  b: (date) => (MONTHS[date.getMonth()] as string).slice(0, 3),
  B: (date) => MONTHS[date.getMonth()] as string,
  d: (date) => two(date.getDate()),
  e: (date) => String(date.getDate()).padStart(2),
  F: (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
  H: (date) => two(date.getHours()),
  j: (date) => String(dayOfYear(date)).padStart(3, "0"),
  m: (date) => two(date.getMonth() + 1),
  M: (date) => two(date.getMinutes()),
  n: () => "\n",
  N: (date) => `${String(date.getMilliseconds()).padStart(3, "0")}000000`,
  s: (date, utc) => String(Math.floor((date.getTime() - (utc ? offset(date) : 0)) / 1000)),
  S: (date) => two(date.getSeconds()),
  t: () => "\t",
  T: (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
  u: (date) => String(date.getDay() || 7),
  w: (date) => String(date.getDay()),
  y: (date) => two(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  z: (date, utc) => (utc ? "+0000" : zone(date)),
  Z: (date, utc) => (utc ? "UTC" : zoneName(date)),
};

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 0);
  return (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000;
}

/** What a date was moved by so that its local fields are those of UTC, in milliseconds. */
function offset(date: Date): number {
  return date.getTimezoneOffset() * 60_000;
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

export const date: Command = {
  name: "date",
  summary: "print the server's date and time",
  usage: `[-u] [-d DATE] [+FORMAT]
  -d  DATE instead of now: 2026-11-20, '2026-11-20 22:59:23', @SECONDS
  -u  in UTC
FORMAT: %Y %m %d %H %M %S %F %T %a %A %b %B %e %j %s %u %y %z %Z and more`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "ud:",
      long: { utc: "u", "date=": "d" },
    });
    const [format = "+%a %b %e %T %Z %Y", more] = options.operands;
    if (more !== undefined || !format.startsWith("+")) {
      throw new CommandError("the date can only be printed: date [-u] [+FORMAT]");
    }
    const given = options.value("d");
    const utc = options.has("u");
    const now = given === undefined ? new Date() : new Date(parseDate(given, utc) * 1000);
    const shown = utc ? new Date(now.getTime() + offset(now)) : now;
    const known = new Map<string, string>();
    const text = format.slice(1).replace(/%(.)/gs, (all, letter: string) => {
      // Once each: the name of the zone takes its time.
      const value = known.get(letter) ?? CONVERSIONS[letter]?.(shown, utc) ?? all;
      known.set(letter, value);
      return value;
    });
    await call.out.print(`${text}\n`);
    return 0;
  },
};

export const uptime: Command = {
  name: "uptime",
  summary: "print how long the server has been running",
  usage: "",
  async run(call) {
    const { startedAt, sessions } = call.shell.context;
    const minutes = Math.floor((Date.now() - startedAt) / 60_000);
    const days = Math.floor(minutes / 1440);
    const hours = Math.floor((minutes % 1440) / 60);
    const clock = `${hours}:${two(minutes % 60)}`;
    const up = `${days > 0 ? `${days} day${days === 1 ? "" : "s"}, ` : ""}${hours > 0 ? clock : `${minutes % 60} min`}`;
    const count = (await sessions.call(call.shell.context)).length;
    const time = fullTime(Math.floor(Date.now() / 1000)).slice(11, 19);
    await call.out.print(` ${time} up ${up}, ${count} session${count === 1 ? "" : "s"} of yours\n`);
    return 0;
  },
};

export const who: Command = {
  name: "who",
  summary: "print your own sessions",
  usage: "",
  async run(call) {
    parseOptions(call.args, { short: "" });
    const { user } = call.fs.owner;
    const sessions = await call.shell.context.sessions();
    const rows = sessions.map(({ id: number, since, remote, client }) => {
      const time = fullTime(Math.floor(since / 1000)).slice(0, 16);
      return [user, `ssh/${number}`, time, `(${remote}) ${client}`];
    });
    await call.out.print(fromText(table(rows)));
    return 0;
  },
};
