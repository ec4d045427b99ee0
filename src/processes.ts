import { readFileSync, readlinkSync } from "node:fs";

/** A process of this machine that still runs. */
export interface LivingProcess {
  readonly pid: number;
  /** in clock ticks since the boot: numbers of processes are used again, this with them is not */
  readonly startTime: string;
}

/** A process as /proc/PID/stat (proc(5)) has it; undefined when it is not there, or has ended. */
export function livingProcess(pid: number): LivingProcess | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The command's name, in parentheses, may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  const [threads, , startTime = ""] = fields.slice(17);
  // A zombie has closed its files once its last other thread is gone.
  const hasEnded = (state === "Z" || state === "X") && Number(threads) <= 1;
  return hasEnded || startTime === "" ? undefined : { pid, startTime };
}

/** What a process has in memory, in bytes, as /proc/PID/status has it; 0 when it is not there. */
export function residentBytes(pid: number): number {
  try {
    const found = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** True when the kernel says that the process is there, whether /proc shows it or not (hidepid). */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Another one after each boot of the machine. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

/**
 * The same for processes that see each other in /proc, and for no others: a boot of a machine, and
 * there a space of process numbers, of which each container has its own.
 */
export function machineId(): string {
  return `${bootId()}/${readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")}`;
}
