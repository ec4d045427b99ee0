import { EventEmitter } from "node:events";
import type { Connection } from "ssh2";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Rekeying, type RekeyingSettings } from "../../../src/ssh/rekeying.ts";

const BYTES = 1_000_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;

/** A connection of ssh2 as far as key exchanges go. */
class FakeConnection extends EventEmitter {
  authenticated = true;
  /** exchanges that the server has started */
  asked = 0;
  readonly _protocol = {
    _kexinit: undefined as Buffer | undefined,
    _queue: undefined as unknown[] | undefined,
    _kex: { negotiated: { kex: "curve25519-sha256" } },
  };

  rekey(): void {
    this.asked += 1;
    this.begin();
  }

  begin(): void {
    this._protocol._kexinit = Buffer.alloc(1);
    this._protocol._queue = [];
  }

  finish(): void {
    this._protocol._kexinit = undefined;
    this._protocol._queue = undefined;
    this.emit("rekey");
  }
}

let connection: FakeConnection;
let total: number;
let done: number;
let abuses: string[];

beforeEach(() => {
  vi.useFakeTimers();
  connection = new FakeConnection();
  total = 0;
  done = 0;
  abuses = [];
});

afterEach(() => {
  vi.useRealTimers();
});

function watched(settings: Partial<RekeyingSettings> = {}): Rekeying {
  const both = { rekeyBytes: BYTES, rekeyInterval: HOUR, ...settings };
  return new Rekeying(connection as unknown as Connection, both, {
    total: () => total,
    done: () => {
      done += 1;
    },
    abuse: (text) => abuses.push(text),
  });
}

function move(rekeying: Rekeying, bytes: number): void {
  total += bytes;
  rekeying.moved();
}

/** The client asks for new keys and gets them. @returns whether it may */
function exchange(rekeying: Rekeying): boolean {
  if (!rekeying.begins()) return false;
  connection.begin();
  rekeying.moved();
  connection.finish();
  return true;
}

describe("new keys", () => {
  test("after so many bytes, counted from the last exchange's end", () => {
    const rekeying = watched();
    move(rekeying, BYTES - 1);
    expect(connection.asked).toBe(0);
    move(rekeying, 1);
    expect(connection.asked).toBe(1);
    move(rekeying, BYTES);
    expect(connection.asked).toBe(1);
    connection.finish();
    expect(done).toBe(1);
    move(rekeying, BYTES - 1);
    expect(connection.asked).toBe(1);
    move(rekeying, 1);
    expect(connection.asked).toBe(2);
  });

  test("after so long, when something moves, counted from the last exchange's end", () => {
    const rekeying = watched();
    vi.advanceTimersByTime(HOUR - 1);
    move(rekeying, 1);
    expect(connection.asked).toBe(0);
    vi.advanceTimersByTime(1);
    expect(connection.asked).toBe(0);
    move(rekeying, 1);
    expect(connection.asked).toBe(1);
    vi.advanceTimersByTime(MINUTE / 2);
    connection.finish();
    vi.advanceTimersByTime(HOUR - 1);
    move(rekeying, 1);
    expect(connection.asked).toBe(1);
  });

  test("also after those the client asked for: bytes and time begin again", () => {
    const rekeying = watched();
    move(rekeying, BYTES - 1);
    expect(exchange(rekeying)).toBe(true);
    move(rekeying, BYTES - 1);
    expect(connection.asked).toBe(0);
  });

  test("never by what is set to 0, and never before the login", () => {
    const rekeying = watched({ rekeyBytes: 0, rekeyInterval: 0 });
    vi.advanceTimersByTime(1_000 * HOUR);
    move(rekeying, 1_000 * BYTES);
    connection.authenticated = false;
    const strangers = watched();
    vi.advanceTimersByTime(2 * HOUR);
    move(strangers, 2 * BYTES);
    expect(connection.asked).toBe(0);
  });
});

describe("attack: a client misuses key exchanges", () => {
  test("it asks for one after the other without moving anything", () => {
    const rekeying = watched();
    let had = 0;
    while (had < 1_000 && exchange(rekeying)) had += 1;
    expect(had).toBeGreaterThan(10);
    expect(had).toBeLessThan(100);
    expect(abuses).toEqual(["too many key exchanges"]);
  });

  test("before its login bytes are no reason for new keys, after it they are", () => {
    const many = (rekeying: Rekeying): number => {
      for (let had = 0; had < 500; had++) {
        total += 4_096;
        if (!exchange(rekeying)) return had;
      }
      return 500;
    };
    connection.authenticated = false;
    expect(many(watched())).toBeLessThan(100);
    connection = new FakeConnection();
    expect(many(watched())).toBe(500);
  });

  test("answers to the server's own exchanges cost it nothing", () => {
    const rekeying = watched({ rekeyInterval: 1 });
    expect(exchange(rekeying)).toBe(true);
    for (let i = 0; i < 500; i++) {
      vi.advanceTimersByTime(1);
      rekeying.moved();
      expect(rekeying.begins()).toBe(true);
      connection.finish();
    }
    expect(connection.asked).toBe(500);
    expect(exchange(rekeying)).toBe(true);
    expect(abuses).toEqual([]);
  });

  test.each([
    ["after its login", true, 10_000],
    ["before its login", false, 32],
  ])("%s it goes on with requests and never finishes", (_, authenticated, most) => {
    const rekeying = watched();
    connection.authenticated = authenticated;
    expect(rekeying.begins()).toBe(true);
    connection.begin();
    connection._protocol._queue = new Array(most);
    rekeying.moved();
    expect(abuses).toEqual([]);
    connection._protocol._queue = new Array(most + 1);
    rekeying.moved();
    expect(abuses).toEqual(["requests without end during a key exchange"]);
    rekeying.stop();
  });

  test("it is silent in the midst of one", () => {
    const rekeying = watched();
    move(rekeying, BYTES);
    vi.advanceTimersByTime(MINUTE - 1);
    // A drop now and then gains it no time.
    rekeying.moved();
    expect(abuses).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(abuses).toEqual(["a key exchange was not finished in time"]);
  });
});

test.each([
  ["one that was finished", () => connection.finish()],
  ["one whose connection is gone", (rekeying: Rekeying) => rekeying.stop()],
])("no time runs for %s", (_, end) => {
  const rekeying = watched();
  move(rekeying, BYTES);
  end(rekeying);
  vi.advanceTimersByTime(2 * MINUTE);
  expect(abuses).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
