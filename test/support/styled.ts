import type { Cell, Frame } from "../../admin/frame.ts";
import type { Style } from "../../admin/text.ts";

// A picture with its styles, for people to read and compare: each line of the screen that has any
// is followed by one that says of each cell how it looks.

const LEGEND = `# r y g c  red, yellow, green, cyan; capitals: bold, too
# b _ u    bold, underlined, bold and underlined
# x X      selected (the two colours turned round), and bold
# !        selected and coloured
`;

const LETTERS = { red: "r", yellow: "y", green: "g", cyan: "c" } as const;

function letter({ fg, bold, reverse, underline }: Style): string {
  if (reverse) return fg !== undefined ? "!" : bold ? "X" : "x";
  if (underline) return bold ? "u" : "_";
  if (fg !== undefined) return bold ? LETTERS[fg].toUpperCase() : LETTERS[fg];
  return bold ? "b" : " ";
}

function rowStyles(row: readonly Cell[], colour: boolean): string {
  const seen = row.map(({ ch, style: { fg, ...rest } }) => {
    // The colour of nothing is not to be seen.
    const blank = (ch === " " || ch === "") && rest.reverse !== true;
    const shown = colour && fg !== undefined && !blank ? { ...rest, fg } : rest;
    return blank && !rest.underline ? " " : letter(shown);
  });
  return seen.join("").trimEnd();
}

/** @param colour false: as with NO_COLOR */
export function styledText({ cells }: Frame, colour = true): string {
  const lines = cells.flatMap((row) => {
    const text = row.map(({ ch }) => ch).join("");
    const styles = rowStyles(row, colour);
    return styles === "" ? [`|${text}|`] : [`|${text}|`, ` ${styles}`];
  });
  return `${LEGEND}${lines.join("\n")}\n`;
}
