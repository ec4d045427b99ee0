/** Numbers of SFTP version 3, named as in draft-ietf-secsh-filexfer-02. */

/** The version spoken (section 4). */
export const VERSION = 3;

/** Section 3: SSH_FXP_*. */
export const PacketType = {
  INIT: 1,
  VERSION: 2,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
  EXTENDED_REPLY: 201,
} as const;

/** Section 7: SSH_FX_*. */
export const StatusCode = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  OP_UNSUPPORTED: 8,
} as const;

export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode];

/** Section 6.3: SSH_FXF_*. */
export const OpenFlag = {
  READ: 0x01,
  WRITE: 0x02,
  APPEND: 0x04,
  CREAT: 0x08,
  TRUNC: 0x10,
  EXCL: 0x20,
} as const;

/** Section 5: SSH_FILEXFER_ATTR_*. */
export const AttrFlag = {
  SIZE: 0x01,
  UIDGID: 0x02,
  PERMISSIONS: 0x04,
  ACMODTIME: 0x08,
  EXTENDED: 0x80000000,
} as const;

/** The largest message OpenSSH's client sends or takes, in bytes (its SFTP_MAX_MSG_LENGTH). */
export const MAX_PACKET = 256 * 1024;

/** What a frame may have beyond {@link MAX_PACKET}: a client with 256 KiB of data adds its header. */
const FRAME_SLACK = 1024;

/** The longest frame that is taken, in bytes behind its length field. */
export const MAX_FRAME = MAX_PACKET + FRAME_SLACK;

/** The most bytes one READ answers and one WRITE is told to send: MAX_PACKET less room for headers. */
export const MAX_DATA = MAX_PACKET - 1024;

/** Bytes of a DATA reply before its data: length, type, request id, length of the data. */
export const DATA_HEADER = 13;

/**
 * An extension of this server. In VERSION it lists the checksums that can be computed along with an
 * upload, the fastest first. As an extended attribute of OPEN it names the one that the client will ask
 * for when the file is complete.
 */
export const CHECK_ALONG = "check-along@moorage";
