import { expect, test } from "vitest";
import { DatabaseGone } from "../../../../src/store/database-errors.ts";
import { endsLink, toError } from "../../../../src/store/postgres/faults.ts";
import { DatabaseBusy, isDiskFull } from "../../../../src/store/writes.ts";

const of = (code: string): Error => toError({ code, message: "user ann at 192.0.2.1: 'secret'" });

test.each(["40001", "40P01", "55P03"])("%s: the transaction can be tried again", (code) => {
  expect(of(code)).toBeInstanceOf(DatabaseBusy);
});

test.each(["57P01", "57P03", "08006", "25006", "25P03", "57014"])(
  "%s: the database is gone, in words of our own",
  (code) => {
    expect(of(code)).toBeInstanceOf(DatabaseGone);
    expect(of(code).message).toMatch(/^the database can't be reached(: [a-z', ]+)?$/);
  },
);

test("only what is said of a statement leaves the link alone", () => {
  expect(["57014", "40001", "23505", "53100"].filter(endsLink)).toEqual([]);
  expect(["57P01", "08006", "25006", "25P03"].filter((code) => !endsLink(code))).toEqual([]);
});

test("a full disk is one, whoever's", () => {
  expect(isDiskFull(of("53100"))).toBe(true);
});

test("a refused value is not repeated", () => {
  expect(of("22P02").message).toBe("PostgreSQL refused a value (22P02)");
  expect(of("23505")).toMatchObject({ code: "SQLITE_CONSTRAINT" });
  expect(of("42P01")).toMatchObject({ code: "POSTGRES_42P01" });
});
