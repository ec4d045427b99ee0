/** A terminal's Ctrl-C reaches a process under npm twice, at once: that counts as one signal. */
const ECHO_MS = 300;

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Resolves to the name of the first signal that asks the process to stop. Soon after it the system's
 * own way with these signals is back: another one ends the process at once, whatever it does then,
 * also where the event loop itself hangs.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first = true;
    const onSignal = (signal: NodeJS.Signals) => {
      if (!first) return;
      first = false;
      resolve(signal);
      setTimeout(() => {
        for (const name of SIGNALS) process.off(name, onSignal);
      }, ECHO_MS);
    };
    for (const name of SIGNALS) process.on(name, onSignal);
  });
}

/** Calls `reload` at each SIGHUP, which ends the process no more: not when a terminal goes either. */
export function onHangup(reload: () => void): void {
  process.on("SIGHUP", reload);
}
