import { expect, test } from "vitest";
import { valuesFor } from "../../../../src/store/postgres/sql.ts";
import { Statements, type Text, type Variant } from "../../../../src/store/postgres/statements.ts";

function variantOf(statements: Statements, text: Text, ...values: unknown[]): Variant {
  return statements.variant(text, valuesFor(text.template, values));
}

test("a text has one variant for each combination of types", () => {
  const statements = new Statements(() => {});
  const text = statements.text("SELECT ?, ?");
  expect(statements.text("SELECT ?, ?")).toBe(text);
  const numbers = variantOf(statements, text, 1, 2);
  expect(variantOf(statements, text, 3, 4)).toBe(numbers);
  expect(variantOf(statements, text, 1, "a")).not.toBe(numbers);
});

test("texts are bounded; who still has one that was forgotten goes on with a new number", () => {
  const forgotten: number[] = [];
  const statements = new Statements((ids) => forgotten.push(...ids));
  const text = statements.text("SELECT ?");
  const { id } = variantOf(statements, text, 1);
  for (let n = 0; n < 700; n += 1) variantOf(statements, statements.text(`SELECT ${n}`));
  expect(forgotten).toContain(id);
  expect(forgotten.length).toBe(101);
  expect(variantOf(statements, text, 1).id).toBeGreaterThan(701);
});

test("so are the variants of one text", () => {
  const forgotten: number[] = [];
  const statements = new Statements((ids) => forgotten.push(...ids));
  const text = statements.text(`SELECT ${"?, ".repeat(6)} 1`);
  for (let bits = 0; bits < 64; bits += 1) {
    const values = [...bits.toString(2).padStart(6, "0")].map((bit) => (bit === "1" ? "a" : 1));
    variantOf(statements, text, ...values);
  }
  expect(text.variants.size).toBe(32);
  expect(forgotten.length).toBe(32);
});

test("others are to notice what is written to changes", () => {
  const statements = new Statements(() => {});
  expect(statements.text("INSERT INTO changes (kind) VALUES (?)").notifies).toBe(true);
  expect(statements.text("INSERT INTO ban_changes (count) VALUES (?)").notifies).toBe(false);
  expect(statements.text("SELECT * FROM changes").notifies).toBe(false);
});
