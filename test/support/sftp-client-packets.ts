import { PacketType } from "../../src/sftp/wire/constants.ts";

export function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value >>> 0);
  return out;
}

export function u64(value: number | bigint): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value));
  return out;
}

export function str(value: string | Buffer): Buffer {
  const raw = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  return Buffer.concat([u32(raw.length), raw]);
}

export interface ClientAttrs {
  readonly size?: number | bigint;
  readonly owner?: readonly [uid: number, gid: number];
  readonly permissions?: number;
  readonly times?: readonly [atime: number, mtime: number];
  readonly extended?: readonly (readonly [string, string])[];
}

export function attrs(value: ClientAttrs = {}): Buffer {
  let flags = 0;
  const parts: Buffer[] = [];
  const add = (flag: number, ...fields: Buffer[]) => {
    flags += flag;
    parts.push(...fields);
  };
  if (value.size !== undefined) add(1, u64(value.size));
  if (value.owner) add(2, u32(value.owner[0]), u32(value.owner[1]));
  if (value.permissions !== undefined) add(4, u32(value.permissions));
  if (value.times) add(8, u32(value.times[0]), u32(value.times[1]));
  if (value.extended) {
    add(0x80000000, u32(value.extended.length));
    for (const [name, data] of value.extended) parts.push(str(name), str(data));
  }
  return Buffer.concat([u32(flags), ...parts]);
}

/** A frame of the type with these fields; nothing is checked, so that it can be wrong. */
export function frame(type: number, ...fields: Buffer[]): Buffer {
  const length = fields.reduce((sum, field) => sum + field.length, 1);
  return Buffer.concat([u32(length), Buffer.from([type]), ...fields]);
}

export interface ReplyAttrs {
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly atime: number;
  readonly mtime: number;
}

export interface ReplyName {
  readonly name: Buffer;
  readonly longname: Buffer;
  readonly attrs: ReplyAttrs | undefined;
}

/** One frame from the server, read on demand. */
export class Reply {
  readonly frame: Buffer;

  constructor(whole: Buffer) {
    this.frame = whole;
  }

  get type(): number {
    return this.frame.readUInt8(4);
  }

  get id(): number {
    return this.frame.readUInt32BE(5);
  }

  /** what follows the id */
  get body(): Buffer {
    return this.frame.subarray(9);
  }

  /** @throws when it isn't a STATUS */
  get code(): number {
    this.#expect(PacketType.STATUS);
    return this.body.readUInt32BE(0);
  }

  get text(): string {
    this.#expect(PacketType.STATUS);
    const length = this.body.readUInt32BE(4);
    return this.body.toString("utf8", 8, 8 + length);
  }

  /** the tag behind the text */
  get language(): string {
    this.#expect(PacketType.STATUS);
    const at = 8 + this.body.readUInt32BE(4);
    return this.body.toString("utf8", at + 4, at + 4 + this.body.readUInt32BE(at));
  }

  get handle(): Buffer {
    this.#expect(PacketType.HANDLE);
    return this.body.subarray(4);
  }

  get data(): Buffer {
    this.#expect(PacketType.DATA);
    const length = this.body.readUInt32BE(0);
    if (this.body.length !== 4 + length) throw new Error("DATA of another length than it says");
    return this.body.subarray(4);
  }

  get attrs(): ReplyAttrs {
    this.#expect(PacketType.ATTRS);
    return readAttrs(this.body, 0).attrs as ReplyAttrs;
  }

  get names(): ReplyName[] {
    this.#expect(PacketType.NAME);
    const out: ReplyName[] = [];
    let at = 4;
    const string = () => {
      const length = this.body.readUInt32BE(at);
      at += 4 + length;
      return this.body.subarray(at - length, at);
    };
    for (let count = this.body.readUInt32BE(0); count > 0; count--) {
      const name = string();
      const long = string();
      const read = readAttrs(this.body, at);
      at = read.end;
      out.push({ name, longname: long, attrs: read.attrs });
    }
    if (at !== this.body.length) throw new Error("NAME with bytes left over");
    return out;
  }

  /** the only name of a REALPATH, as UTF-8 */
  get name(): string {
    return this.names[0]?.name.toString("utf8") ?? "";
  }

  #expect(type: number): void {
    if (this.type === type) return;
    const what = this.type === PacketType.STATUS ? `STATUS ${this.code} ${this.text}` : this.type;
    throw new Error(`expected a reply of type ${type}, got ${what}`);
  }
}

function readAttrs(body: Buffer, start: number): { attrs: ReplyAttrs | undefined; end: number } {
  const flags = body.readUInt32BE(start);
  if (flags === 0) return { attrs: undefined, end: start + 4 };
  if (flags !== 15) throw new Error(`attributes with flags ${flags}`);
  const word = (index: number) => body.readUInt32BE(start + 12 + index * 4);
  return {
    attrs: {
      size: Number(body.readBigUInt64BE(start + 4)),
      uid: word(0),
      gid: word(1),
      mode: word(2),
      atime: word(3),
      mtime: word(4),
    },
    end: start + 32,
  };
}

/** Builds requests with ids of its own, counted up. */
export class Requests {
  #id = 0;

  make(type: number, ...fields: Buffer[]): Buffer {
    return frame(type, u32(this.#id++), ...fields);
  }

  open(path: string | Buffer, flags: number, with_: ClientAttrs = {}): Buffer {
    return this.make(PacketType.OPEN, str(path), u32(flags), attrs(with_));
  }

  close(handle: Buffer): Buffer {
    return this.make(PacketType.CLOSE, str(handle));
  }

  read(handle: Buffer, position: number | bigint, length: number): Buffer {
    return this.make(PacketType.READ, str(handle), u64(position), u32(length));
  }

  write(handle: Buffer, position: number | bigint, data: Buffer | string): Buffer {
    return this.make(PacketType.WRITE, str(handle), u64(position), str(data));
  }

  lstat(path: string | Buffer): Buffer {
    return this.make(PacketType.LSTAT, str(path));
  }

  stat(path: string | Buffer): Buffer {
    return this.make(PacketType.STAT, str(path));
  }

  fstat(handle: Buffer): Buffer {
    return this.make(PacketType.FSTAT, str(handle));
  }

  setstat(path: string | Buffer, change: ClientAttrs): Buffer {
    return this.make(PacketType.SETSTAT, str(path), attrs(change));
  }

  fsetstat(handle: Buffer, change: ClientAttrs): Buffer {
    return this.make(PacketType.FSETSTAT, str(handle), attrs(change));
  }

  opendir(path: string | Buffer): Buffer {
    return this.make(PacketType.OPENDIR, str(path));
  }

  readdir(handle: Buffer): Buffer {
    return this.make(PacketType.READDIR, str(handle));
  }

  remove(path: string | Buffer): Buffer {
    return this.make(PacketType.REMOVE, str(path));
  }

  mkdir(path: string | Buffer, with_: ClientAttrs = {}): Buffer {
    return this.make(PacketType.MKDIR, str(path), attrs(with_));
  }

  rmdir(path: string | Buffer): Buffer {
    return this.make(PacketType.RMDIR, str(path));
  }

  realpath(path: string | Buffer): Buffer {
    return this.make(PacketType.REALPATH, str(path));
  }

  rename(from: string | Buffer, to: string | Buffer): Buffer {
    return this.make(PacketType.RENAME, str(from), str(to));
  }

  readlink(path: string | Buffer): Buffer {
    return this.make(PacketType.READLINK, str(path));
  }

  /** the arguments in the order they go over the wire */
  symlink(first: string | Buffer, second: string | Buffer): Buffer {
    return this.make(PacketType.SYMLINK, str(first), str(second));
  }

  extended(name: string, ...fields: Buffer[]): Buffer {
    return this.make(PacketType.EXTENDED, str(name), ...fields);
  }
}
