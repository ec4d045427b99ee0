import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Admission, type AdmissionSettings, Refusal } from "../../../src/session/admission.ts";
import { TestInstance } from "../../support/instance.ts";

const SETTINGS: AdmissionSettings = {
  maxSessions: 2,
  maxSessionsPerUser: 100,
  queue: 100,
  queueTimeout: 20_000,
};

let instance: TestInstance;
let userId: number;
let doors: Admission[];

beforeEach(async () => {
  instance = await TestInstance.create();
  userId = (await instance.addUser("ann", null)).id;
  doors = [];
});

afterEach(async () => {
  for (const door of doors) door.close();
  await instance.close();
});

function door(settings: Partial<AdmissionSettings> = {}, of = instance): Admission {
  const made = new Admission(of.store.sessions, { ...SETTINGS, ...settings });
  doors.push(made);
  return made;
}

const REQUEST = () => ({ userId, remote: "192.0.2.1:1", client: "SSH-2.0-test" });

function enter(
  admission: Admission,
  gone = new AbortController().signal,
  onWaiting: (position: number) => void = () => {},
): Promise<number> {
  return admission.enter(REQUEST(), gone, onWaiting);
}

/** A login that has to wait, and what resolves once it does. */
function queued(admission: Admission): [entered: Promise<number>, waiting: Promise<void>] {
  let entered: Promise<number> | undefined;
  const waiting = new Promise<void>((resolve) => {
    entered = enter(admission, undefined, () => resolve());
  });
  return [entered as unknown as Promise<number>, waiting];
}

describe("Admission", () => {
  test("lets in at once while there are places", async () => {
    const admission = door();
    await enter(admission);
    await enter(admission);
    expect(await instance.store.sessions.counts()).toEqual({ active: 2, waiting: 0 });
  });

  test("a stampede: never more than the places, all of them used, the rest in order", async () => {
    const admission = door({ maxSessions: 10 });
    const order: number[] = [];
    let inside = 0;
    let most = 0;
    const visits = Array.from({ length: 100 }, async (_, i) => {
      const id = await enter(admission);
      order.push(i);
      inside += 1;
      most = Math.max(most, inside);
      expect((await instance.store.sessions.counts()).active).toBeLessThanOrEqual(10);
      await sleep(Math.random() * 3);
      inside -= 1;
      await admission.leave(id);
    });
    await Promise.all(visits);
    expect(most).toBe(10);
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(await instance.store.sessions.counts()).toEqual({ active: 0, waiting: 0 });
  });

  test("tells the place in the queue", async () => {
    const admission = door({ maxSessions: 1 });
    const first = await enter(admission);
    const places: number[] = [];
    const second = enter(admission, undefined, (place) => places.push(place));
    const third = enter(admission, undefined, (place) => places.push(place));
    await admission.leave(first);
    await admission.leave(await second);
    await admission.leave(await third);
    expect(places).toEqual([1, 2]);
  });

  test("refuses when the queue is full, with a text", async () => {
    const admission = door({ maxSessions: 1, queue: 0 });
    await enter(admission);
    await expect(enter(admission)).rejects.toThrow(
      new Refusal("The server is full (1 session) and so is its queue: try again later"),
    );
  });

  test("refuses more than a user's share, with a text", async () => {
    const admission = door({ maxSessionsPerUser: 2 });
    await enter(admission);
    await enter(admission);
    await expect(enter(admission)).rejects.toThrow(
      "You already have 2 sessions, the most one user may have at once",
    );
  });

  test("refuses who waited too long, and forgets it", async () => {
    const admission = door({ maxSessions: 1, queueTimeout: 30 });
    await enter(admission);
    await expect(enter(admission)).rejects.toThrow("no place became free: try again later");
    expect(await instance.store.sessions.counts()).toEqual({ active: 1, waiting: 0 });
  });

  test("who goes away while waiting leaves the queue and blocks nobody", async () => {
    const admission = door({ maxSessions: 1 });
    const first = await enter(admission);
    const gone = new AbortController();
    const impatient = enter(admission, gone.signal);
    const [patient, isWaiting] = queued(admission);
    await isWaiting;
    gone.abort(new Error("went away"));
    await expect(impatient).rejects.toThrow("went away");
    expect(await instance.store.sessions.counts()).toEqual({ active: 1, waiting: 1 });
    await admission.leave(first);
    await patient;
  });

  test("who is gone already is not let in", async () => {
    const admission = door();
    await expect(enter(admission, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    expect(await instance.store.sessions.counts()).toEqual({ active: 0, waiting: 0 });
  });

  test("a place another process gives up is taken", async () => {
    const other = await instance.another();
    try {
      const theirs = door({ maxSessions: 1 }, other);
      const ours = door({ maxSessions: 1 });
      const id = await enter(theirs);
      const [waiting, isWaiting] = queued(ours);
      await isWaiting;
      await theirs.leave(id);
      await waiting;
      expect(await instance.store.sessions.counts()).toEqual({ active: 1, waiting: 0 });
    } finally {
      await other.close();
    }
  });
});
