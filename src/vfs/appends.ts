/** One chain of appends for each inode: the next one starts where the last one ended. */
const appends = new Map<string, Promise<void>>();

/** Runs `act` when the appends to the inode that were asked for before have ended. */
export function inOrder(inode: string, act: () => Promise<void>): Promise<void> {
  const before = appends.get(inode) ?? Promise.resolve();
  const mine = before.then(act);
  const settled = mine.catch(() => undefined);
  appends.set(inode, settled);
  settled.then(() => {
    if (appends.get(inode) === settled) appends.delete(inode);
  });
  return mine;
}
