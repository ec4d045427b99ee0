import { Argument, type Command } from "commander";
import { ALL_SETTINGS } from "../../config/settings.ts";
import type { CommandContext } from "../context.ts";

type Shell = "bash" | "zsh" | "fish";

/** A command by the words that lead to it, and the words that may follow. */
interface Completion {
  readonly words: readonly string[];
  readonly next: readonly string[];
}

const SETTINGS = ALL_SETTINGS.map(({ name }) => name);

/** What may stand for the first argument, of commands that know that. */
const ARGUMENTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["config set", SETTINGS],
  ["config unset", SETTINGS],
]);

export function addCompletionCommand(program: Command, { io }: CommandContext): void {
  program
    .command("completion")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .description("print a completion script, for `source <(moorage completion bash)`")
    .action((shell: Shell) => io.out(completionScript(program, shell)));
}

function completionScript(program: Command, shell: Shell): string {
  const all = completions(program, []);
  if (shell === "fish") return fish(all);
  // zsh reads bash's completion functions.
  const head = shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
  return `${head}${bash(all)}`;
}

function completions(command: Command, words: readonly string[]): Completion[] {
  const help = command.createHelp();
  const children = command.commands.filter((child) => child.name() !== "help");
  const next = [
    ...children.map((child) => child.name()),
    ...(ARGUMENTS.get(words.join(" ")) ?? []),
    ...help.visibleOptions(command).flatMap(({ long }) => (long ? [long] : [])),
  ];
  const below = children.flatMap((child) => completions(child, [...words, child.name()]));
  return [{ words, next }, ...below];
}

function bash(all: readonly Completion[]): string {
  const cases = all.map(
    ({ words, next }) => `    "${words.join(" ")}") next="${next.join(" ")}" ;;`,
  );
  return `_moorage() {
  local word path="" next="" known=" ${commandPaths(all)} "
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    local longer="\${path:+$path }$word"
    case "$known" in *"|$longer|"*) path="$longer" ;; esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _moorage moorage
`;
}

function commandPaths(all: readonly Completion[]): string {
  return all.map(({ words }) => `|${words.join(" ")}|`).join(" ");
}

function fish(all: readonly Completion[]): string {
  const lines = all.map(({ words, next }) => {
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
    const children = all
      .filter((other) => other.words.length === words.length + 1)
      .filter((other) => words.every((word, index) => other.words[index] === word))
      .map((other) => other.words.at(-1));
    const unseen =
      children.length > 0 ? [`not __fish_seen_subcommand_from ${children.join(" ")}`] : [];
    const condition = [...seen, ...unseen].join("; and ") || "true";
    return `complete -c moorage -n '${condition}' -a '${next.join(" ")}'`;
  });
  return `${lines.join("\n")}\n`;
}
