import { describe, expect, it } from "vitest";
import { passwordRuleText, refusePassword } from "../../../src/auth/password-rule.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { count } from "../../../src/text/figures.ts";

const RULE = loadConfig({ root: "/nonexistent", env: {} }).auth;
const LAX = { passwordMinLength: 1, passwordStrength: 0 };

describe("a new password", () => {
  it.each(["x", "1234567", "k7#Qz!p"])("%j is too short", async (password) => {
    expect(await refusePassword(password, "alice", RULE)).toBe(
      `the password has ${count(password.length, "character")}: take 8 or more`,
    );
  });

  it.each([
    "password",
    "password1",
    "12345678",
    "qwertyuiop",
    "aaaaaaaaaaaa",
    "letmein!",
    "alicealice",
    "alice2026",
    "moorage1",
    "x".repeat(1024),
  ])("%j is guessed soon", async (password) => {
    expect(await refusePassword(password, "alice", RULE)).toMatch(
      /^the password is one that is soon/,
    );
  });

  it.each(["mooring-buoy-tide-93", "grüße aus Kiel", "u8fJ3kd9wq", "correct horse battery staple"])(
    "%j is taken",
    async (password) => {
      expect(await refusePassword(password, "alice", RULE)).toBeUndefined();
    },
  );

  it("is told as a rule before anybody types", () => {
    const rule = { passwordMinLength: 1, passwordStrength: 0 };
    expect(passwordRuleText(rule)).toBe("at least 1 character");
    expect(passwordRuleText({ ...rule, passwordStrength: 1 })).toMatch(/soon guessed$/);
  });

  it("counts characters, not bytes", async () => {
    expect(await refusePassword("🦭🦭🦭", "alice", { ...LAX, passwordMinLength: 4 })).toMatch(
      /has 3/,
    );
  });

  it("may be anything that can be sent where the settings say so", async () => {
    expect(await refusePassword("x", "x", LAX)).toBeUndefined();
    expect(await refusePassword("", "x", LAX)).toMatch(/empty/);
    expect(await refusePassword("a\nb", "x", LAX)).toMatch(/control character/);
    expect(await refusePassword("gr\u{FFFD}\u{FFFD}e-2026", "x", LAX)).toMatch(/not UTF-8/);
    expect(await refusePassword("gr\udcfc\udcdfe-2026", "x", LAX)).toMatch(/not UTF-8/);
    expect(await refusePassword("é".repeat(600), "x", LAX)).toMatch(/longer than 1024 bytes/);
    expect(await refusePassword("gr\ufffdn", "x", LAX)).toMatch(/not UTF-8/);
    expect(await refusePassword("\ufeffx", "x", LAX)).toMatch(/one that nobody sees/);
  });

  it("is not quoted", async () => {
    for (const password of ["hunter2", "password1", "a\u0007b"]) {
      expect(await refusePassword(password, "alice", RULE)).not.toContain(password);
    }
  });
});
