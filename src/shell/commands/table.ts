import type { Command } from "../call.ts";
import { chmod } from "./chmod.ts";
import { cp } from "./copy.ts";
import { df } from "./df.ts";
import { mkdir, rmdir } from "./directories.ts";
import { du } from "./du.ts";
import { colon, echo, no, yes } from "./echo.ts";
import { find } from "./find.ts";
import { helpCommand } from "./help.ts";
import { ln } from "./link.ts";
import { ls } from "./list.ts";
import { mv } from "./move.ts";
import { cd, exit, logout, pwd } from "./navigate.ts";
import { otherSums } from "./other-sums.ts";
import { passwd } from "./passwd.ts";
import { cat, head, tail } from "./print.ts";
import { quota } from "./quota.ts";
import { rm } from "./remove.ts";
import { scp } from "./scp.ts";
import { stat } from "./stat.ts";
import { gnuSums } from "./sums.ts";
import { bracket, test } from "./test.ts";
import { totp } from "./totp.ts";
import { touch } from "./touch.ts";
import { trash } from "./trash.ts";
import { wc } from "./wc.ts";
import { date, groups, id, uptime, who, whoami } from "./who.ts";

const ALL: readonly Command[] = [
  ...gnuSums,
  ...otherSums,
  ...[ls, pwd, cd, mkdir, rmdir, rm, mv, cp, ln, touch, chmod, cat, head, tail, wc, stat, find],
  ...[du, df, quota, echo, yes, no, colon, test, bracket],
  trash,
  ...[id, whoami, groups, date, uptime, who, passwd, totp, exit, logout, scp],
  helpCommand(() => COMMANDS),
];

/** Every command by its name. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  ALL.map((command) => [command.name, command]),
);
