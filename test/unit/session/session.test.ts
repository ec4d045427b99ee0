import { expect, test } from "vitest";
import { Session, type SessionOptions } from "../../../src/session/session.ts";

test("a client that breaks the protocol again and again is told of ten times", () => {
  const told: string[] = [];
  const login = { account: { id: 1, name: "ann" }, method: "password", key: undefined };
  const onProtocolError = (text: string): void => void told.push(text);
  const session = new Session({ id: 1, login, onProtocolError } as unknown as SessionOptions);
  for (let i = 0; i < 1000; i += 1) session.protocolError(`error ${i}`);
  expect(told).toHaveLength(10);
  expect(told[9]).toBe("error 9");
});
