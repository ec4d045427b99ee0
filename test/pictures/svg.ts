/** How a cell of a terminal looks. Colours are CSS's; undefined: the terminal's own. */
interface Look {
  readonly fore?: string | undefined;
  readonly back?: string | undefined;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
}

interface Run {
  readonly look: Look;
  readonly column: number;
  readonly text: string;
}

/** xterm's first sixteen, a little softer. */
const PALETTE = [
  ...["#1c2128", "#e5534b", "#57ab5a", "#c69026", "#539bf5", "#b083f0", "#39c5cf", "#cdd9e5"],
  ...["#636e7b", "#ff938a", "#8ddb8c", "#e0b841", "#96d0ff", "#dcbdfb", "#76e3ea", "#ffffff"],
];
const FORE = "#cdd9e5";
const BACK = "#1c2128";

/** Of a cell, and of the margin around all, in pixels. */
const WIDTH = 8;
const HEIGHT = 17;
const MARGIN = 10;
/** From the top of a cell to the line that letters stand on. */
const BASELINE = 13;

const CUBE = [0, 95, 135, 175, 215, 255];

/** xterm's 256 colours. */
function indexed(index: number): string | undefined {
  if (index < 16) return PALETTE[index];
  const grey = 8 + (index - 232) * 10;
  const cube = index - 16;
  const parts =
    index >= 232
      ? [grey, grey, grey]
      : [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((at) => CUBE[at] ?? 0);
  return `rgb(${parts.join(",")})`;
}

/** A look after a sequence of SGR parameters (ECMA-48 8.3.117). */
function after(look: Look, parameters: readonly number[]): Look {
  let now = look;
  for (let at = 0; at < parameters.length; at += 1) {
    const code = parameters[at] as number;
    if ((code === 38 || code === 48) && parameters[at + 1] === 5) {
      const colour = indexed(parameters[at + 2] ?? 0);
      now = { ...now, ...(code === 38 ? { fore: colour } : { back: colour }) };
      at += 2;
    } else now = single(now, code);
  }
  return now;
}

function single(look: Look, code: number): Look {
  if (code === 0) return {};
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 4) return { ...look, underline: true };
  if (code === 7) return { ...look, inverse: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 24) return { ...look, underline: false };
  if (code === 27) return { ...look, inverse: false };
  if (code === 39) return { ...look, fore: undefined };
  if (code === 49) return { ...look, back: undefined };
  if (code >= 30 && code <= 37) return { ...look, fore: PALETTE[code - 30] };
  if (code >= 40 && code <= 47) return { ...look, back: PALETTE[code - 40] };
  if (code >= 90 && code <= 97) return { ...look, fore: PALETTE[code - 82] };
  if (code >= 100 && code <= 107) return { ...look, back: PALETTE[code - 92] };
  return look;
}

/** The runs of equal look in a line; the look at its end goes on in the next one. */
function runsOf(line: string, look: Look): { readonly runs: Run[]; readonly look: Look } {
  const runs: Run[] = [];
  let now = look;
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a terminal is told by
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    if (part.startsWith("\x1b[")) {
      now = after(now, part.slice(2, -1).split(";").map(Number));
    } else if (part !== "") {
      runs.push({ look: now, column, text: part });
      column += [...part].length;
    }
  }
  return { runs, look: now };
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

const escaped = (text: string): string => text.replace(/[&<>]/g, (letter) => ESCAPES[letter] ?? "");

function colours(look: Look): { readonly fore: string; readonly back: string | undefined } {
  const { fore, back } = look;
  if (look.inverse !== true) return { fore: fore ?? FORE, back };
  return { fore: back ?? BACK, back: fore ?? FORE };
}

function drawn({ look, column, text }: Run, row: number): string {
  const x = MARGIN + column * WIDTH;
  const y = MARGIN + row * HEIGHT;
  const width = [...text].length * WIDTH;
  const { fore, back } = colours(look);
  const ground = back
    ? `<rect x="${x}" y="${y}" width="${width}" height="${HEIGHT}" fill="${back}"/>`
    : "";
  // Viewers disagree about spaces at the ends.
  const shown = look.underline ? text : text.trim();
  if (shown === "") return ground;
  const left = x + (look.underline ? 0 : text.length - text.trimStart().length) * WIDTH;
  const styles = [
    look.bold ? ' font-weight="bold"' : "",
    look.dim ? ' opacity="0.6"' : "",
    look.underline ? ' text-decoration="underline"' : "",
  ].join("");
  const place = `x="${left}" y="${y + BASELINE}" textLength="${[...shown].length * WIDTH}"`;
  return `${ground}<text ${place} fill="${fore}"${styles}>${escaped(shown)}</text>`;
}

/**
 * A picture of a terminal.
 * @param capture its lines with SGR sequences, as `tmux capture-pane -e -p` prints them
 * @param title for those who can't see it
 */
export function svg(capture: string, columns: number, title: string): string {
  const lines = capture.replace(/\n+$/, "").split("\n");
  const width = 2 * MARGIN + columns * WIDTH;
  const height = 2 * MARGIN + lines.length * HEIGHT;
  const parts: string[] = [];
  let look: Look = {};
  for (const [row, line] of lines.entries()) {
    const found = runsOf(line, look);
    look = found.look;
    parts.push(...found.runs.map((run) => drawn(run, row)).filter((part) => part !== ""));
  }
  const font = `font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" rx="6" fill="${BACK}"/>`,
    `<g ${font} font-size="13" xml:space="preserve">`,
    ...parts,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}
