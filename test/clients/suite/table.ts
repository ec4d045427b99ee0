/**
 * The table client × step: as text in the tests' output, as docs/clients.md, and back from there for
 * the columns that are not measured anew.
 */

export type Cell =
  | { readonly result: "pass" }
  /** by the client's own fault: what goes wrong */
  | { readonly result: "fail"; readonly reason: string; readonly evidence?: Evidence }
  /** the client can't do it: why */
  | { readonly result: "not offered"; readonly reason: string };

/** What a step that fails with either server ended with. */
export interface Evidence {
  readonly moorage: string;
  readonly openssh: string;
  /** the version of OpenSSH's server */
  readonly server: string;
}

export interface Column {
  readonly client: string;
  readonly version: string;
  /** the day, as 2026-01-31, and the distribution that the client is of */
  readonly measured: { readonly date: string; readonly system: string };
  /** by a step's title */
  readonly cells: Readonly<Record<string, Cell>>;
}

export interface Row {
  readonly group: string;
  readonly title: string;
}

const VERSIONS = "## Versions";

const MARKS = { pass: "yes", fail: "no", "not offered": "–" } as const;

/** The document: `intro`, the table, reasons, versions. */
export function toMarkdown(
  intro: string,
  rows: readonly Row[],
  columns: readonly Column[],
): string {
  const reasons: string[] = [];
  const mark = (cell: Cell | undefined): string => {
    if (cell === undefined) return "?";
    if (cell.result === "pass") return MARKS.pass;
    if (!reasons.includes(cell.reason)) reasons.push(cell.reason);
    return `${MARKS[cell.result]} (${reasons.indexOf(cell.reason) + 1})`;
  };
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const table = [
    line(["", ...columns.map(({ client }) => client)]),
    line(["---", ...columns.map(() => "---")]),
  ];
  let group = "";
  for (const row of rows) {
    if (row.group !== group) table.push(line([`**${row.group}**`, ...columns.map(() => "")]));
    group = row.group;
    table.push(line([row.title, ...columns.map(({ cells }) => mark(cells[row.title]))]));
  }
  return [
    intro.trimEnd(),
    "",
    ...table,
    "",
    "## Why not",
    "",
    ...reasons.map((reason, i) => `${i + 1}. ${reason}`),
    "",
    VERSIONS,
    "",
    line(["client", "version", "measured", "of"]),
    line(["---", "---", "---", "---"]),
    ...columns.map(({ client, version, measured: { date, system } }) =>
      line([client, version, date, system]),
    ),
    "",
  ].join("\n");
}

/** The columns of a document that {@link toMarkdown} made. */
export function fromMarkdown(text: string): Column[] {
  const reasons = [...text.matchAll(/^\d+\. (.*)$/gm)].map((match) => match[1] as string);
  const [table = [], versions = []] = text.split(VERSIONS).map((part) =>
    part
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .map((line) => line.slice(2, -2).split(" | ")),
  );
  const [, ...clients] = table[0] ?? [];
  const toCell = (mark: string): Cell | undefined => {
    if (mark === MARKS.pass) return { result: "pass" };
    const [, sign, number] = /^(\S+) \((\d+)\)$/.exec(mark) ?? [];
    const reason = reasons[Number(number) - 1];
    if (reason === undefined) return undefined;
    return { result: sign === MARKS.fail ? "fail" : "not offered", reason };
  };
  return clients.map((client, i) => {
    const cells: Record<string, Cell> = {};
    for (const [title = "", ...marks] of table.slice(2)) {
      const cell = toCell(marks[i] ?? "");
      if (cell !== undefined) cells[title] = cell;
    }
    const [, version = "", date = "", system = ""] =
      versions.find(([name]) => name === client) ?? [];
    return { client, version, measured: { date, system }, cells };
  });
}

/** For a terminal: a line a step, then the reasons of each client. */
export function toText(rows: readonly Row[], columns: readonly Column[]): string {
  const width = Math.max(...rows.map(({ title }) => title.length));
  const letter = (cell: Cell | undefined): string =>
    cell === undefined ? "?" : { pass: "yes", fail: "NO", "not offered": "–" }[cell.result];
  const heads = columns.map(({ client }) => client);
  const line = (title: string, cells: readonly string[]): string => {
    const padded = cells.map((cell, i) => cell.padEnd((heads[i] as string).length));
    return `${title.padEnd(width)}  ${padded.join("  ")}`.trimEnd();
  };
  return [
    line("", heads),
    ...rows.map(({ title }) =>
      line(
        title,
        columns.map(({ cells }) => letter(cells[title])),
      ),
    ),
  ].join("\n");
}

/** The steps that fail with OpenSSH's server, too, with what either server saw; "" without any. */
export function clientFaults(columns: readonly Column[]): string {
  const faults = columns.flatMap(({ client, version, cells }) => {
    const passes = Object.values(cells).some(({ result }) => result === "pass");
    const all = Object.entries(cells).flatMap(([title, cell]) => {
      if (cell.result !== "fail" || cell.evidence === undefined) return [];
      const { moorage, openssh, server } = cell.evidence;
      return [
        [`${client} ${version}: ${title}`, `  Moorage: ${moorage}`, `  ${server}: ${openssh}`],
      ];
    });
    if (passes || all.length === 0) return all.flat();
    return [
      `${client} ${version} DOES NOTHING HERE: the tests can't drive it`,
      ...all.slice(0, 1).flat(),
    ];
  });
  if (faults.length === 0) return "";
  return ["The clients' own faults, which they have with OpenSSH's server, too:", ...faults].join(
    "\n",
  );
}
