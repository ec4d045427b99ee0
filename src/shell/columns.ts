/** Lines of columns; the first column to the left, the last as it is, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      if (column === row.length - 1) return cell;
      const width = widths[column] as number;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `${cells.join(" ")}\n`;
  });
  return lines.join("");
}

/** Rounded up, as coreutils does it. */
export function percent(used: number, whole: number): string {
  return whole === 0 ? "-" : `${Math.ceil((used * 100) / whole)}%`;
}
