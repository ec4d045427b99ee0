import { accessSync, constants, statSync } from "node:fs";
import type { Config } from "../config/types.ts";
import { placeOf, type SecretSource, secretsOf } from "../events/secret.ts";
import type { Receiver } from "../events/types.ts";
import type { ReceiverState } from "../store/events.ts";
import { count } from "../text/figures.ts";
import { oneLine } from "../text/safe.ts";
import type { Findings } from "./finding.ts";

const OTHERS = 0o007;
const WRITTEN_BY_OTHERS = 0o022;
const SEE = "see `moorage events`";

/** Whether the receivers of events could be told, and are. Nothing is sent. */
export async function checkEvents(
  findings: Findings,
  config: Config | undefined,
  source: SecretSource,
  states: readonly ReceiverState[],
): Promise<void> {
  const receivers = config?.events.receivers ?? [];
  for (const receiver of receivers) {
    if (receiver.url === "") checkCommand(findings, receiver);
    else await checkFiles(findings, receiver, source);
  }
  for (const state of states) checkState(findings, state);
  if (findings.all.length === 0 && receivers.length > 0) {
    findings.ok(count(receivers.length, "receiver"));
  }
}

function checkCommand(findings: Findings, { name, command }: Receiver): void {
  const [program = ""] = command;
  try {
    accessSync(program, constants.X_OK);
  } catch (thrown) {
    const code = (thrown as { code?: string }).code;
    findings.error(`${name}: ${oneLine(program)} can't be run (${code})`, "put `command` right");
    return;
  }
  if ((statSync(program).mode & WRITTEN_BY_OTHERS) !== 0) {
    findings.warning(`${name}: others can write ${oneLine(program)}`, "chmod go-w it");
  }
}

async function checkFiles(
  findings: Findings,
  receiver: Receiver,
  source: SecretSource,
): Promise<void> {
  const { name, secretFile, caFile } = receiver;
  const mode = (file: string): number => statSync(placeOf(file, source.root)).mode;
  try {
    // A variable is the server's, and need not be there here.
    if (secretFile !== "") await secretsOf(receiver, source);
    if (secretFile !== "" && (mode(secretFile) & OTHERS) !== 0) {
      findings.warning(`${name}: others can read ${secretFile}`, `chmod 600 ${secretFile}`);
    }
    if (caFile !== "") accessSync(placeOf(caFile, source.root), constants.R_OK);
  } catch (thrown) {
    findings.error(`${name}: ${oneLine((thrown as Error).message)}`, "put its files right");
  }
}

function checkState(findings: Findings, state: ReceiverState): void {
  const { name, failures, lastError, queued, dropped } = state;
  if (failures > 0) {
    const text = `${name} fails: ${oneLine(lastError)}; ${count(queued, "event")} waiting`;
    findings.warning(text, SEE);
  }
  if (dropped > 0) findings.warning(`${name}: ${count(dropped, "event")} never arrived`, SEE);
}
