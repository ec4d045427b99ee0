/**
 * Which of blessed's own terminal descriptions fits a TERM. Only these names ever reach it: the
 * text comes from the other end of a connection, and blessed would read files that it names.
 */
export type TerminalName = "xterm-256color" | "xterm" | "linux";

const MANY_COLOURS =
  /^(xterm-(256color|direct|kitty|ghostty)|(tmux|screen|rxvt-unicode|putty|vte|konsole|gnome|st|iterm2?)-256color|alacritty(-direct)?|foot(-direct)?|wezterm|contour|mintty)$/;

export function terminalName(term: string): TerminalName {
  if (MANY_COLOURS.test(term)) return "xterm-256color";
  return term === "linux" ? "linux" : "xterm";
}

/** Whether a terminal of this TERM can be drawn on: it has a cursor that can be moved. */
export function canShow(term: string): boolean {
  return term !== "" && term !== "dumb" && term !== "unknown";
}
