import { expect, test } from "vitest";
import { generatePassword } from "../../../src/auth/generate.ts";

test("makes four groups of five readable characters", () => {
  for (let n = 0; n < 200; n += 1) {
    expect(generatePassword()).toMatch(/^[a-hjkmnp-z2-9]{5}(-[a-hjkmnp-z2-9]{5}){3}$/);
  }
});

test("uses the whole alphabet and does not repeat itself", () => {
  const passwords = Array.from({ length: 500 }, generatePassword);
  expect(new Set(passwords).size).toBe(500);
  expect(new Set(passwords.join("").replaceAll("-", "")).size).toBe(31);
});
