import { execFileSync } from "node:child_process";
import { lutimesSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../../src/vfs/path.ts";
import { ShellBench } from "./harness.ts";

let bench: ShellBench;

beforeAll(async () => {
  bench = await ShellBench.create();
});

beforeEach(() => {
  bench.shell.directory = ROOT;
  bench.shell.leaving = false;
  bench.shell.status = 0;
  for (const directory of ["", "dir", "dir/sub", "empty"]) {
    mkdirSync(`${bench.home}/${directory}`, { recursive: true });
  }
  const files: [string, string][] = [
    ["a", "one\ntwo\nthree\n"],
    ["b c", "no newline at the end"],
    ["dir/long", "line of words\n".repeat(3000)],
    ["dir/sub/ü", "x".repeat(2_000_000)],
    [".hidden", ""],
    ["empty.txt", ""],
  ];
  for (const [index, [name, content]] of files.entries()) {
    writeFileSync(`${bench.home}/${name}`, content);
    utimesSync(`${bench.home}/${name}`, 1.6e9 + index, 1.6e9 + index * 1e7);
  }
  symlinkSync("dir", `${bench.home}/link`);
  symlinkSync("nowhere", `${bench.home}/dangling`);
  // Reading a link would move its access time on between the two runs, unless it is ahead already.
  const ahead = Math.floor(Date.now() / 1000) + 3600;
  for (const link of ["link", "dangling"]) lutimesSync(`${bench.home}/${link}`, ahead, 1.6e9);
});

afterEach(() => execFileSync("find", [bench.home, "-mindepth", "1", "-delete"]));
afterAll(() => bench.close());

/** The same line here and in the system's shell: output, errors and exit code. */
async function same(line: string): Promise<void> {
  const ours = await bench.run(line);
  expect([line, ours]).toEqual([line, bench.real(line)]);
}

/** The same effect on the same directory, and the same answer. */
async function sameEffect(line: string): Promise<void> {
  const state = "find . -mindepth 1 -printf '%p %y %m %n %l\\n' | sort; cat a 'b c' n* 2>&1";
  const copy = `${bench.home}.copy`;
  execFileSync("cp", ["-a", bench.home, copy]);
  const ours = await bench.run(line);
  const oursAfter = bench.real(state).stdout;
  rmSync(bench.home, { recursive: true });
  execFileSync("cp", ["-a", copy, bench.home]);
  rmSync(copy, { recursive: true });
  // The jail holds the old directory: only the system's tools look at this one.
  const real = bench.real(line);
  // coreutils after 9.1 name the file, too.
  const stderr = real.stderr.replace(/(?<=^mv: .* with non-directory)$/m, " 'a'");
  const expected = [line, { ...real, stderr }, bench.real(state).stdout];
  expect([line, ours, oursAfter]).toEqual(expected);
}

describe("reading commands print what coreutils print", () => {
  const lines = [
    "ls; ls -a; ls -A; ls -r; ls -S; ls -Sr dir; ls -td a 'b c' .hidden; ls -trd a 'b c'; ls -d . dir",
    "ls a 'b c' dir empty; ls -d dir/ link; ls link; ls dir/*; ls -R; ls -aR dir; ls -1 dir a",
    "ls missing; ls missing a; ls -R dir missing; ls --nonsense",
    "ls [ab]*; ls *.txt; ls nothing*; ls */*; ls .h*; ls */; ls -d .*d*; ls [!a]; ls d?r",
    "cat a; cat a 'b c' a; cat -n a 'b c' a; cat missing a; cat dir; cat dangling",
    "head a; head -n 2 a; head -2 a; head -c 5 a; head -n 1 a 'b c'; head -q -n1 a a; head -v -n1 a",
    "head dir/long; head -c 300K dir/sub/ü; head missing a; head -n0 a; head -n x a",
    "tail a; tail -n 2 a; tail -2 a; tail -c 5 a; tail -n 1 a 'b c'; tail -n +2 a; tail -c +3 a",
    "tail dir/long; tail -n 2900 dir/long; tail -c 300000 dir/sub/ü; tail missing; tail -n0 a",
    "tail -n 1 'b c'; tail -n 5 empty.txt; tail -n +0 a; tail -n 4000 dir/long; tail -n 3000 dir/long",
    "wc a; wc a 'b c'; wc -l a; wc -w a; wc -c dir/long; wc -lc a dir/long; wc missing; wc dir/long",
    "wc missing a; wc empty.txt; wc dir/sub/ü a",
    "stat -c '%n|%s|%a|%A|%F|%h|%X|%Y|%f|%N' a dir link dangling .hidden 'b c'",
    "stat -c '%x|%y' a; stat -L -c '%F %n' link; stat -c '100%% %n' a",
    "find . -maxdepth 0; find a; find dir -type f; find missing; find . -name '*.txt'",
    "find . -newer a -name 'b*'; find empty -empty; find . -maxdepth 1 -size +1M; find a -size 14c",
    "find dir -size +1M; find dir -size -2M -type d; find . -maxdepth 1 -iname 'A'; find dir -name sub",
    "find . ! -name '*' -print; find dir -mindepth 2; find dir/sub -path '*b/*'; find dir -type d -name 's?b'",
    "echo a  b; echo -n x; echo -e 'a\\tb\\x41\\0101\\c no'; echo -ne 'x\\ny'; echo 'a\\n'; echo -- -n",
    "true; false; echo $?; true && echo yes; false || echo no; false && echo no; echo $?; : x; echo $?",
    "[ -e a ]; echo $?; [ -f dir ]; echo $?; test -d link; echo $?; [ -L link ]; echo $?; [ -s empty.txt ]; echo $?",
    "test -f a && echo file; test ! -f a; echo $?; [ a = a ]; echo $?; [ a != a ]; echo $?; [ 1 -lt 2 ]; echo $?",
    "[ -z '' ]; echo $?; [ -n '' ]; echo $?; [ x ]; echo $?; [ ]; echo $?; [ '' ]; echo $?; [ ! x ]; echo $?",
    "[ 5 -ge 5 ]; echo $?; [ -5 -gt 3 ]; echo $?; [ a -nt empty.txt ]; echo $?; [ empty.txt -nt a ]; echo $?",
    "[ -e missing ]; echo $?; [ = = = ]; echo $?; [ ! = x ]; echo $?; [ -e ]; echo $?; [ a -ef ./a ]; echo $?",
    "[ dir -ef link ]; echo $?; [ a -ef 'b c' ]; echo $?; [ ! a = b ]; echo $?; test -h dangling; echo $?",
    "du -b --apparent-size a dir/long; du -ab dir/long a",
    "date -u -d @1600000000; date -u -d @1600000000 '+%Y-%m-%d %H:%M:%S %j %a %A %b %B %e %s %u %w %y %z %Z'",
    "date -u -d '2026-02-03 04:05:06' '+%F %T %Z'; date -u -d 2026-02-03 +%s",
    "date -u -d '2026-02-03 04:05:06 +0230' +%s; date -u -d 2026-02-03T04:05Z +%s; date -d 2026-02-03 +%s",
    "cd dir && ls; cd sub; ls ..; cd ../..; ls; exit 3; echo not",
    "echo *; echo [ab]*; echo 'a'*; echo \\*; echo '*'; echo no*match 'x'[; echo di[r]/*",
    'echo a~root; echo "$?"; echo a"b"\'c\'\\d',
  ];
  it.each(lines)("%s", async (line) => {
    for (const one of split(line)) {
      if (line.includes("cd ") || line.includes("$?") || line.includes("&&")) break;
      await same(one);
    }
    if (/cd |\$\?|&&/.test(line)) await same(line);
  });
});

/** The commands of a line without quotes around a semicolon. */
function split(line: string): string[] {
  return line.split("; ");
}

describe("ls -l", () => {
  it("prints what coreutils print, but for owners and blocks", async () => {
    for (const line of [
      "ls -l",
      "ls -la dir",
      "ls -lh",
      "ls -ld dir a link",
      "ls -lS . dir",
      "ls -l link",
    ]) {
      const neutral = (text: string) =>
        text.replace(/^total .*$/gm, "total").replace(/^(\S+ +\d+) \S+ +\S+ /gm, "$1 OWNER ");
      const ours = await bench.run(line);
      expect([line, neutral(ours.stdout)]).toEqual([line, neutral(bench.real(line).stdout)]);
      expect(ours.stdout).not.toContain("root");
    }
  });
});

describe("changing commands do what coreutils do", () => {
  const lines = [
    "mkdir new",
    "mkdir new dir",
    "mkdir -p new/x/y dir/sub/z",
    "mkdir new/x",
    "mkdir -p a/x",
    "mkdir -m 700 new",
    "mkdir -v new",
    "rmdir empty",
    "rmdir dir missing a",
    "mkdir -p new/x/y && rmdir -p new/x/y",
    "rm a 'b c'",
    "rm missing",
    "rm -f missing a",
    "rm dir",
    "rm -r dir empty",
    "rm -rf dir missing",
    "rm -r link",
    "rm link dangling",
    "rm -d empty dir",
    "rm",
    "rm -f",
    "rm -r . ..",
    "rm -v a",
    "rm -x",
    "mv a new",
    "mv a 'b c'",
    "mv a dir",
    "mv a 'b c' dir",
    "mv a 'b c' new",
    "mv dir empty",
    "mv dir new",
    "mv dir dir/sub",
    "mv missing new",
    "mv a",
    "mv",
    "mv -n a 'b c'",
    "mv -v a new",
    "mv a a",
    "mv dangling link",
    "mv dir a",
    "mv -T a empty",
    "cp a new",
    "cp a 'b c' dir",
    "cp dir new",
    "cp -r dir new",
    "cp -r dir empty",
    "cp a a",
    "cp missing new",
    "cp -n a 'b c'",
    "cp a missing/x",
    "cp -v a new",
    "cp -r link new",
    "cp link new",
    "cp dangling new",
    "cp 'b c' a",
    "cp",
    "cp a",
    "ln a new",
    "ln -s a new",
    "ln -s missing new; ln -s a dir",
    "ln dir new",
    "ln missing new",
    "ln a 'b c'",
    "ln -f a 'b c'",
    "ln -sf dir new",
    "ln -s dir/long",
    "chmod 640 a",
    "chmod u+x,go-r a empty.txt",
    "chmod a=rX dir a",
    "chmod -w a",
    "touch new a",
    "touch -c new",
    "touch missing/x",
    "touch",
    "touch -d @1500000000 new",
  ];
  it.each(lines)("%s", async (line) => {
    await bench.close();
    bench = await ShellBench.create();
    execFileSync(
      "sh",
      [
        "-c",
        "mkdir -p dir/sub empty; printf 1 >a; printf 22 >'b c'; ln -s dir link; ln -s nowhere dangling; echo long >dir/long",
      ],
      { cwd: bench.home },
    );
    await sameEffect(line);
  });
});
