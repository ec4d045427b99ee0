/** What a statement may be given. PostgreSQL has no values of unknown type, so a value's own counts. */
export type Value = number | bigint | string | Uint8Array | null;

/** SQL between its parameters, and which value each parameter is. */
export interface Template {
  /** one more than there are parameters */
  readonly pieces: readonly string[];
  /** of each parameter: a name, or the place among the values */
  readonly parameters: readonly (string | number)[];
  /** parameters have names, so the values come as one object */
  readonly named: boolean;
}

/** A statement for values of certain types. */
export interface Rendered {
  readonly text: string;
  /** which of the values is $1, $2 and so on */
  readonly order: readonly (string | number)[];
}

/**
 * What is left alone: comments, strings, quoted names. What is looked for: parameters (a `$1` is
 * none) and LIKE.
 */
const TOKENS =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|\?|[@$][A-Za-z_]\w*|\bLIKE\b/gi;

/**
 * Reads SQL as the store's parts write it. SQLite's LIKE takes ASCII letters of either case; so does
 * ILIKE of columns that have the collation C.
 */
export function parseSql(sql: string): Template {
  const pieces: string[] = [];
  const parameters: (string | number)[] = [];
  let piece = "";
  let at = 0;
  let named = false;
  for (const { 0: token, index } of sql.matchAll(TOKENS)) {
    piece += sql.slice(at, index);
    at = index + token.length;
    if (/^like$/i.test(token)) piece += "ILIKE";
    else if (!/^[?@$]/.test(token)) piece += token;
    else {
      pieces.push(piece);
      piece = "";
      named ||= token !== "?";
      parameters.push(token === "?" ? parameters.length : token.slice(1));
    }
  }
  pieces.push(piece + sql.slice(at));
  if (named && parameters.some((parameter) => typeof parameter === "number")) {
    throw new TypeError("parameters have names, or none has one");
  }
  return { pieces, parameters, named };
}

/** A letter for each type that a parameter can have. */
const CASTS: Readonly<Record<string, string>> = {
  i: "::bigint",
  f: "::double precision",
  t: "::text",
  b: "::bytea",
};

/** @throws TypeError for what is no {@link Value} */
export function typeOf(value: unknown): string {
  if (value === null) return "n";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "i" : "f";
  if (typeof value === "string") return "t";
  if (typeof value === "bigint") return "i";
  if (value instanceof Uint8Array) return "b";
  throw new TypeError(`a statement can't be given a value of type ${typeof value}`);
}

/** The types of all parameters in their order, as the key of what {@link renderSql} makes. */
export function typesOf({ parameters }: Template, values: ValuesOf): string {
  let types = "";
  for (const parameter of parameters) types += typeOf(values[parameter]);
  return types;
}

export type ValuesOf = Readonly<Record<string | number, unknown>>;

/** @param types of {@link typesOf} */
export function renderSql({ pieces, parameters }: Template, types: string): Rendered {
  const order: (string | number)[] = [];
  let text = pieces[0] ?? "";
  for (const [at, parameter] of parameters.entries()) {
    text += place(parameter, types[at] ?? "n", order) + (pieces[at + 1] ?? "");
  }
  return { text, order };
}

/** A null is written as one: PostgreSQL can't tell the type of a parameter in `? IS NULL`. */
function place(parameter: string | number, type: string, order: (string | number)[]): string {
  if (type === "n") return "NULL";
  let index = order.indexOf(parameter);
  if (index < 0) index = order.push(parameter) - 1;
  return `$${index + 1}${CASTS[type]}`;
}

/**
 * The values of one call by place or name, checked against what the statement has.
 * @throws RangeError when there are too few or too many, or a name is missing
 */
export function valuesFor({ parameters, named }: Template, given: readonly unknown[]): ValuesOf {
  if (!named) {
    if (given.length !== parameters.length) {
      throw new RangeError(`the statement has ${parameters.length} values, not ${given.length}`);
    }
    return given as unknown as ValuesOf;
  }
  const [values] = given;
  if (given.length !== 1 || typeof values !== "object" || values === null) {
    throw new RangeError("the statement's values have names: give one object");
  }
  for (const name of parameters) {
    if (!(name in values)) throw new RangeError(`the statement's value ${name} is missing`);
  }
  return values as ValuesOf;
}
