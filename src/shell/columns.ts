/** A table as lines. The first column is aligned to the left, the last is not padded, the others to the right. */
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

/** A percentage, rounded up as coreutils do. */
export function percent(used: number, whole: number): string {
  return whole === 0 ? "-" : `${Math.ceil((used * 100) / whole)}%`;
}
