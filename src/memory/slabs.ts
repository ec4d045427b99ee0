const KIB = 1024;

/**
 * Room of the pieces, in bytes, each whole pages: a packet with 32 KiB of data, and replies with 64,
 * 128 and 255 KiB or the widest packet.
 */
const ROOMS = [36 * KIB, 68 * KIB, 132 * KIB, 260 * KIB] as const;

/** A block is cut into pieces of one room; those of all rooms fill nearly all of it. */
const BLOCK = 1040 * KIB;

/**
 * The C library maps memory of more than 32 MiB by itself and unmaps it when it is freed. Whatever is
 * smaller it may keep: freed packets between other, living memory were never given back.
 */
const BLOCKS = 32;

/** Pieces above this length, in bytes, have memory of their own and are left to the collector. */
export const LARGEST_PIECE = ROOMS[ROOMS.length - 1] as number;

/** Room that a piece of `length` bytes takes. */
export function roomOf(length: number): number {
  return ROOMS.find((room) => length <= room) ?? length;
}

/** Memory that comes and goes as one. */
interface Region {
  readonly memory: ArrayBuffer;
  readonly blocks: readonly Block[];
  /** pieces that are somewhere */
  out: number;
  /** pieces came or went since the last look */
  wasUsed: boolean;
}

interface Block {
  readonly region: Region;
  readonly start: number;
  room: number;
  /** pieces made so far, by their place */
  pieces: Buffer[];
  /** places of pieces that are here */
  free: number[];
  /** bit by place: the piece is somewhere */
  out: number;
}

/**
 * Memory for what is large and short-lived: packets and replies. It is used again at once, which
 * spares the collector, and does not lie where the rest of the process allocates, so that all of it
 * can be given back to the system. Nothing is zeroed.
 *
 * A piece must be given back, once, when nobody looks at it any more: the collector does not.
 */
export class Slabs {
  readonly #regions = new Map<ArrayBufferLike, Region>();
  /** by room: blocks that have a piece to give; the last one gives it */
  readonly #open = new Map<number, Block[]>(ROOMS.map((room) => [room, []]));
  #taken = 0;

  /** Room of the pieces that are out, in bytes. */
  get bytesOut(): number {
    return this.#taken;
  }

  /** Address space of all regions, in bytes; of it only what was used takes memory. */
  get bytesReserved(): number {
    return this.#regions.size * BLOCKS * BLOCK;
  }

  /** `length` bytes or more, at most {@link LARGEST_PIECE}. */
  take(length: number): Buffer {
    const room = roomOf(length);
    const blocks = this.#open.get(room);
    if (blocks === undefined) throw new RangeError(`no piece has ${length} bytes`);
    let block = blocks.at(-1);
    if (block === undefined) {
      block = this.#emptyBlock();
      useFor(block, room);
      blocks.push(block);
    }
    const place = block.free.pop() ?? block.pieces.length;
    const piece = block.pieces[place] ?? pieceOf(block, place);
    block.pieces[place] = piece;
    block.out |= 1 << place;
    block.region.out += 1;
    block.region.wasUsed = true;
    this.#taken += room;
    if (isFull(block)) blocks.pop();
    return piece;
  }

  /**
   * Takes back the piece in which `part` lies, wherever in it. Memory that is not from here is left
   * alone. @throws Error when the piece is here already: two would write into it
   */
  give(part: Buffer): void {
    const region = this.#regions.get(part.buffer);
    if (region === undefined) return;
    const block = region.blocks[Math.floor(part.byteOffset / BLOCK)] as Block;
    const place = Math.floor((part.byteOffset - block.start) / block.room);
    if ((block.out & (1 << place)) === 0) throw new Error("memory was given back twice");
    if (isFull(block)) this.#open.get(block.room)?.push(block);
    block.out &= ~(1 << place);
    block.free.push(place);
    region.out -= 1;
    region.wasUsed = true;
    this.#taken -= block.room;
  }

  /**
   * Gives regions back to the system that nobody has used since the last call. Of those that stay the
   * first ones are used first, so that the others get empty.
   */
  trim(): void {
    const idle = [...this.#regions.values()].filter(({ out, wasUsed }) => out === 0 && !wasUsed);
    const gone = new Set(idle);
    for (const region of this.#regions.values()) region.wasUsed = false;
    for (const region of idle) this.#regions.delete(region.memory);
    const order = [...this.#regions.values()].flatMap(({ blocks }) => blocks).reverse();
    const rank = new Map(order.map((block, index) => [block, index]));
    for (const [room, blocks] of this.#open) {
      const left = blocks.filter(({ region }) => !gone.has(region));
      left.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
      this.#open.set(room, left);
    }
    for (const region of idle) discard(region.memory);
  }

  /** A block that no piece of is out, for any room. */
  #emptyBlock(): Block {
    for (const { blocks } of this.#regions.values()) {
      const block = blocks.find(({ out }) => out === 0);
      if (block === undefined) continue;
      const others = this.#open.get(block.room);
      others?.splice(others.indexOf(block), 1);
      return block;
    }
    const region = makeRegion();
    this.#regions.set(region.memory, region);
    return region.blocks[0] as Block;
  }
}

function makeRegion(): Region {
  // Fresh from the system all of it is zero, and takes no memory before it is written.
  const memory = new ArrayBuffer(BLOCKS * BLOCK);
  const blocks: Block[] = [];
  const region: Region = { memory, blocks, out: 0, wasUsed: false };
  for (let index = 0; index < BLOCKS; index++) {
    blocks.push({ region, start: index * BLOCK, room: 0, pieces: [], free: [], out: 0 });
  }
  return region;
}

function useFor(block: Block, room: number): void {
  block.room = room;
  block.pieces = [];
  block.free = [];
}

function pieceOf({ region, start, room }: Block, place: number): Buffer {
  return Buffer.from(region.memory, start + place * room, room);
}

function isFull({ room, pieces, free }: Block): boolean {
  return free.length === 0 && (pieces.length + 1) * room > BLOCK;
}

/**
 * Frees the memory now. Left to the collector the memory would stay for as long as the process idles,
 * since an idle process collects nothing. So it goes into a message to a closed port, which is freed
 * with the message.
 */
function discard(memory: ArrayBuffer): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(memory, [memory]);
  port1.close();
}

/** The packets and replies of all connections of the process. */
export const slabs = new Slabs();
