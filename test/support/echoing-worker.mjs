/** A worker that says "ready" and tells back, as its sessions' number, how often it heard of others. */
let heard = 0;

process.on("message", ({ kind, others }) => {
  if (kind === "begin") process.send({ kind: "ready", version: 1 });
  if (kind !== "others") return;
  heard += 1;
  const { counts, loopDelay } = others;
  process.send({ kind: "report", counts, loopDelay, sessions: heard, transfers: 0 });
});
process.on("disconnect", () => process.exit(0));
