/** A terminal's Ctrl-C reaches a process under npm twice, at once: that counts as one signal. */
const ECHO_MS = 300;

/**
 * Resolves to the name of the first signal that asks the process to stop. Another one after it
 * ends the process at once.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const onSignal = (signal: NodeJS.Signals) => {
      if (first === undefined) {
        first = performance.now();
        resolve(signal);
      } else if (performance.now() - first > ECHO_MS) {
        process.exit(1);
      }
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, onSignal);
  });
}

/** Calls `reload` at each SIGHUP, which ends the process no more: not when a terminal goes either. */
export function onHangup(reload: () => void): void {
  process.on("SIGHUP", reload);
}
