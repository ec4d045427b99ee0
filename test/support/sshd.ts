import { accessSync, mkdirSync, readdirSync, readFileSync } from "node:fs";

const PRIVSEP = "/run/sshd";

/** Where OpenSSH's server is; Debian keeps it out of an ordinary user's PATH. */
export function sshdProgram(): string {
  for (const path of ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]) {
    try {
      accessSync(path);
      return path;
    } catch {}
  }
  throw new Error("OpenSSH's sshd is missing: install the package openssh-server");
}

/**
 * Root's sshd wants its empty directory, which the system's own service makes, too. It stays: another
 * sshd may need it by now.
 */
export function makePrivsepDirectory(): void {
  if (process.getuid?.() === 0) mkdirSync(PRIVSEP, { recursive: true, mode: 0o755 });
}

/** The processes that a process started, and those they started, that still run. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const below = (top: number): number[] =>
    [...parents].flatMap(([child, parent]) => (parent === top ? [child, ...below(child)] : []));
  return below(pid);
}

/** @returns undefined for one that is gone, or that ended and was not yet waited for */
function parentOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the name, which may hold anything: the state, the parent (proc(5)).
    const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}
