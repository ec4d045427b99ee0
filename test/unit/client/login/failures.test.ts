import { expect, it } from "vitest";
import { closedEarly, refusedBy } from "../../../../src/client/login/failures.ts";

const AT = { name: "ann@h", alias: "h" };

it("shows why a server ended the connection before its time", () => {
  const refused = closedEarly({ ...AT, asLogin: true }, "The login took too long");
  expect(refused.failure).toBe("refused");
  expect(refused.message).toBe("ann@h: the server says: The login took too long");
  const early = closedEarly({ ...AT, asLogin: false }, "Too many connections");
  expect(early.failure).toBe("unreachable");
  expect(early.message).toBe("h: the server says: Too many connections");
  expect(closedEarly({ ...AT, asLogin: false }, undefined).message).toBe(
    "h: the server closed the connection",
  );
});

it("takes a server that stops for one that can't be reached now, not for a refusal", () => {
  const stopping = "The server is stopping: try again later";
  expect(refusedBy("ann@h", stopping).failure).toBe("unreachable");
  expect(closedEarly({ ...AT, asLogin: true }, stopping).failure).toBe("unreachable");
  expect(refusedBy("ann@h", "Too many sessions").failure).toBe("refused");
});

it("knows a refusal that will pass from one that stays", () => {
  for (const said of [
    "The server is stopping: try again later",
    "The server is full (2 sessions) and so is its queue: try again later",
    "You already have 1 session, the most you may have at once",
  ]) {
    expect([said, refusedBy("ann@h", said).willPass]).toEqual([said, true]);
  }
  for (const said of [
    "The session was ended by an administrator: maintenance: try again later",
    "This account has been disabled",
    "You alreadyhave",
    "later: try again later.",
  ]) {
    expect([said, refusedBy("ann@h", said).willPass]).toEqual([said, false]);
  }
});
