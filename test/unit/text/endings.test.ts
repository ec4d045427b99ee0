import { expect, it } from "vitest";
import { IDLE, KICKED, mayReturn, STOPPING, willPass } from "../../../src/text/endings.ts";

it("a client may return after what will not last", () => {
  for (const text of [STOPPING, IDLE, "The session could not be started: try again later"]) {
    expect([text, mayReturn(text), willPass(text)]).toEqual([text, true, true]);
  }
});

it("it doesn't return after a kick, whatever its reason says", () => {
  for (const reason of ["", ": try again later", ": maintenance: try again later", `: ${IDLE}`]) {
    const text = `${KICKED}${reason}`;
    expect([text, mayReturn(text), willPass(text)]).toEqual([text, false, false]);
  }
});
