/**
 * What one file of 4 KiB may cost the server at most, by what the client does: calls of node:fs and
 * SQL. Who makes a number larger says why; who makes one smaller puts it here.
 */
export const BOUNDS = {
  // The directory; the file. An intent and the data are written.
  put: {
    open: 2,
    close: 2,
    // Whether the name is free: when it is asked for, and before the intent says that it is made.
    lstat: 2,
    // the directory, the new file, the file at its end
    fstat: 3,
    write: 2,
    "SQL of the audit trail": 1,
  },
  // Two looks: one lists the directory. Each of the client's two reads asks for a byte too much, and
  // where something came it is asked for the rest.
  get: {
    open: 2,
    close: 2,
    lstat: 2,
    fstat: 2,
    read: 3,
    "SQL of the audit trail": 1,
  },
  // With an LSTAT of each file before, as stock sftp does it.
  rm: {
    open: 3,
    close: 3,
    lstat: 1,
    // the directory, the file before and after
    fstat: 3,
    unlink: 1,
    write: 1,
    "SQL of the audit trail": 1,
  },
} as const satisfies Record<string, Readonly<Record<string, number>>>;
