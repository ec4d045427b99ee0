import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a text may take to appear, in milliseconds: for machines that have a lot to do. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 100;

/** What the shell asks with. */
export const PROMPT = "at the shell> ";

export interface TmuxOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** added to the environment of what runs in it */
  readonly env?: Readonly<Record<string, string>>;
}

/** A terminal with a shell, on a tmux server of its own: what a person sees and types. */
export class Tmux {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Starts it with a plain shell whose prompt is {@link PROMPT}. Needs tmux. */
  static async start(options: TmuxOptions = {}): Promise<Tmux> {
    const { columns = 100, rows = 30, env = {} } = options;
    const tmux = new Tmux(await mkdtemp(join(tmpdir(), "moorage-tmux-")));
    const variables = Object.entries({ ...env, ENV: tmux.#path("rc"), LANG: "C.UTF-8" });
    const set = variables.flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const size = ["-x", String(columns), "-y", String(rows)];
    try {
      await writeFile(tmux.#path("rc"), `PS1='${PROMPT}'\n`);
      await tmux.#run("new-session", "-d", "-s", "main", ...size, ...set, "exec sh");
      await tmux.#run("set-option", "-g", "window-size", "manual");
      await tmux.#run("set-option", "-g", "status", "off");
      await tmux.#run("set-option", "-s", "escape-time", "0");
      await tmux.resize(columns, rows);
      await tmux.waitFor(PROMPT.trim());
      return tmux;
    } catch (error) {
      await tmux.stop();
      throw error;
    }
  }

  /** Keys by tmux's names: "Enter", "Escape", "C-c", "Down", "F1". */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#run("send-keys", "-t", "main", ...keys);
  }

  /** Characters as they are. */
  async type(text: string): Promise<void> {
    await this.#run("send-keys", "-t", "main", "-l", text);
  }

  /** A command line for the shell, with Enter. */
  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press("Enter");
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#run("resize-window", "-t", "main", "-x", String(columns), "-y", String(rows));
  }

  /** The screen as text: a line for each row, without the spaces at its end. */
  async capture(): Promise<string> {
    const text = await this.#run("capture-pane", "-p", "-t", "main");
    return text.replace(/[ \t]+$/gm, "").replace(/\n+$/, "\n");
  }

  /** The screen with its colours, as SGR sequences. */
  captureColours(): Promise<string> {
    return this.#run("capture-pane", "-e", "-p", "-t", "main");
  }

  /** Which cells are turned round: a line for each row, "x" for those cells and "." for the others. */
  async reversed(): Promise<string[]> {
    const screen = await this.#run("capture-pane", "-p", "-e", "-N", "-t", "main");
    let on = false;
    return screen.split("\n").map((line) =>
      line
        .split("\u001b[")
        .map((part, at) => {
          const text = at === 0 ? part : part.slice(part.indexOf("m") + 1);
          const codes = at === 0 ? [] : part.slice(0, part.indexOf("m")).split(";");
          for (const code of codes)
            if (code === "7") on = true;
            else if (code === "0" || code === "27" || code === "") on = false;
          return (on ? "x" : ".").repeat([...text].length);
        })
        .join(""),
    );
  }

  /** Modes of the terminal that a full-screen program changes, by tmux's names. */
  async modes(): Promise<{ alternate: boolean; mouse: boolean; cursor: boolean }> {
    const format = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}";
    const [alternate, mouse, cursor] = (
      await this.#run("display-message", "-p", "-t", "main", format)
    )
      .trim()
      .split(" ");
    return { alternate: alternate === "1", mouse: mouse === "1", cursor: cursor === "1" };
  }

  /**
   * Resolves to the screen once it shows the text, or once it fits. Rejects with the screen in the
   * message when that takes too long.
   */
  async waitFor(
    wanted: string | RegExp | ((screen: string) => boolean),
    timeoutMs = PATIENCE_MS,
  ): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const screen = await this.capture();
      if (isThere(screen, wanted)) return screen;
      if (performance.now() > deadline) {
        throw new Error(`${wanted} did not appear; the screen shows:\n${screen}`);
      }
      await sleep(LOOK_MS);
    }
  }

  /** Ends everything that runs in it. */
  async stop(): Promise<void> {
    await this.#run("kill-server").catch(() => {});
    await rm(this.#directory, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #run(...args: readonly string[]): Promise<string> {
    // Not the settings of whoever runs the tests.
    const all = ["-S", this.#path("socket"), "-f", "/dev/null", ...args];
    return new Promise((resolve, reject) => {
      const { TMUX: _, ...env } = process.env;
      execFile("tmux", all, { env: { ...env, LANG: "C.UTF-8" } }, (error, stdout) => {
        if (error === null) resolve(stdout);
        else if (error.code !== "ENOENT") reject(error);
        else reject(new Error("tmux is missing: install the package tmux"));
      });
    });
  }
}

function isThere(screen: string, wanted: string | RegExp | ((screen: string) => boolean)): boolean {
  if (typeof wanted === "function") return wanted(screen);
  return typeof wanted === "string" ? screen.includes(wanted) : wanted.test(screen);
}
