import { CsvError, parse } from "csv-parse/sync";

/** A record of a CSV file, and the line in which it begins, from 1. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/** What is wrong with a file that is to be imported. */
export interface Fault {
  /** from 1; undefined: the whole file is wrong */
  readonly line?: number;
  readonly text: string;
}

/** Text that is no CSV. */
export class CsvFault extends Error implements Fault {
  override readonly name = "CsvFault";
  readonly line: number;
  readonly text: string;

  constructor(line: number, text: string) {
    super(text);
    this.line = line;
    this.text = text;
  }
}

const QUOTE =
  'a field with a quote, a comma or a line break in it is written "so", and a quote in it ""';
const REASONS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quoted field that begins here doesn't end",
  INVALID_OPENING_QUOTE: QUOTE,
  CSV_INVALID_CLOSING_QUOTE: QUOTE,
};

interface Parsed {
  readonly record: string[];
  /** in which line it ends */
  readonly info: { readonly lines: number };
}

/**
 * The records of a CSV file as RFC 4180 has it, with line ends of either kind. Empty lines are left
 * out; records may be of different lengths.
 * @throws CsvFault for what is none
 */
export function readCsv(text: string): CsvRecord[] {
  const plain = text.replaceAll("\r\n", "\n");
  const stray = plain.indexOf("\r");
  if (stray >= 0) throw new CsvFault(lineOf(plain, stray), "a carriage return that ends no line");
  return parsed(plain).map(({ record, info }) => {
    const breaks = record.reduce((sum, field) => sum + field.split("\n").length - 1, 0);
    return { line: info.lines - breaks, fields: record };
  });
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}

function parsed(text: string): Parsed[] {
  try {
    return parse(text, {
      bom: true,
      info: true,
      record_delimiter: "\n",
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as Parsed[];
  } catch (thrown) {
    if (!(thrown instanceof CsvError)) throw thrown;
    const line = Number((thrown as { lines?: unknown }).lines) || 1;
    throw new CsvFault(line, REASONS[thrown.code] ?? "this is no CSV");
  }
}
