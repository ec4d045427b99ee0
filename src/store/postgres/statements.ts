import { parseSql, renderSql, type Template, typesOf, type ValuesOf } from "./sql.ts";

/** Texts that the parts of the store have are some two hundred. */
const MAX_TEXTS = 600;
/** of one text, by the types of its values */
const MAX_VARIANTS = 32;

/** A text for values of certain types, which the thread knows by its number. */
export interface Variant {
  readonly id: number;
  readonly text: string;
  readonly order: readonly (string | number)[];
  /** columns as the server named them last */
  columns: readonly string[];
  /** the thread that was told the text */
  toldThread: number;
}

/** One text of the store's parts. */
export interface Text {
  readonly sql: string;
  readonly template: Template;
  readonly variants: Map<string, Variant>;
  /** others are to notice what it writes */
  readonly notifies: boolean;
}

/**
 * Texts and their variants, bounded in number. What falls out is forgotten by the server, too; who
 * still has the text goes on with a new variant.
 */
export class Statements {
  readonly #forget: (ids: readonly number[]) => void;
  readonly #texts = new Map<string, Text>();
  #lastId = 0;

  /** @param forget called with the numbers of variants that are used no more */
  constructor(forget: (ids: readonly number[]) => void) {
    this.#forget = forget;
  }

  text(sql: string): Text {
    const known = this.#texts.get(sql);
    if (known !== undefined) return known;
    const notifies = /\b(?:INTO\s+(?:changes|calls)|UPDATE\s+calls)\b/i.test(sql);
    const text: Text = { sql, template: parseSql(sql), variants: new Map(), notifies };
    this.#keep(text);
    return text;
  }

  variant(text: Text, values: ValuesOf): Variant {
    const types = typesOf(text.template, values);
    return text.variants.get(types) ?? this.#make(text, types);
  }

  #make(text: Text, types: string): Variant {
    if (this.#texts.get(text.sql) !== text) this.#keep(text);
    if (text.variants.size >= MAX_VARIANTS) this.#drop(text);
    this.#lastId += 1;
    const rendered = renderSql(text.template, types);
    const variant = { id: this.#lastId, ...rendered, columns: [], toldThread: 0 };
    text.variants.set(types, variant);
    return variant;
  }

  #keep(text: Text): void {
    const old = this.#texts.get(text.sql);
    if (old !== undefined) this.#drop(old);
    this.#texts.set(text.sql, text);
    if (this.#texts.size <= MAX_TEXTS) return;
    const [oldest] = this.#texts.values();
    if (oldest === undefined) return;
    this.#texts.delete(oldest.sql);
    this.#drop(oldest);
  }

  #drop({ variants }: Text): void {
    const ids = [...variants.values()].map(({ id }) => id);
    variants.clear();
    if (ids.length > 0) this.#forget(ids);
  }
}
