import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { Environment, Programs } from "./programs.ts";
import { until } from "./wait.ts";

export const PICTURES = "docs/pictures/desktop";

/** A display that nobody looks at, with a window manager: for programs that want a desktop. */
export class Display {
  readonly #programs: Programs;
  readonly env: Environment;

  private constructor(programs: Programs, name: string) {
    this.#programs = programs;
    this.env = { DISPLAY: name, LC_ALL: "C.UTF-8" };
  }

  /** Needs Xvfb, openbox, xdotool and ImageMagick. */
  static async start(programs: Programs): Promise<Display> {
    const screen = ["-screen", "0", "1000x760x24", "-nolisten", "tcp"];
    const server = programs.start(["Xvfb", "-displayfd", "1", ...screen], {});
    const number = await until("the display", () => /^\d+$/m.exec(server.output())?.[0]);
    const display = new Display(programs, `:${number}`);
    programs.start(["openbox", "--sm-disable"], display.env);
    await until("the window manager", async () => {
      return (await display.#tool("get_num_desktops")).code === 0;
    });
    return display;
  }

  #tool(...args: readonly string[]) {
    return this.#programs.run(["xdotool", ...args], this.env);
  }

  /** The number of the first window whose title fits, if one is shown. */
  async find(title: string): Promise<string | undefined> {
    const { stdout } = await this.#tool("search", "--onlyvisible", "--name", title);
    return stdout.split("\n")[0] || undefined;
  }

  /** Waits for a window by its title and brings it to the front. */
  async window(title: string): Promise<string> {
    const found = await until(`the window "${title}"`, () => this.find(title));
    await this.#tool("windowactivate", "--sync", found);
    return found;
  }

  async gone(title: string): Promise<void> {
    await until(`the end of "${title}"`, async () => (await this.find(title)) === undefined);
  }

  /** Keys by xdotool's names, for the window in front. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tool("key", "--delay", "60", ...keys);
  }

  async click(x: number, y: number): Promise<void> {
    await this.#tool("mousemove", String(x), String(y), "click", "1");
  }

  /** Moves the mouse straight down with its button held. */
  async drag(x: number, from: number, to: number): Promise<void> {
    const [start, end] = [from, to].map((y) => ["mousemove", String(x), String(y)]);
    await this.#tool(...(start ?? []), "mousedown", "1");
    await this.#tool(...(end ?? []), "mouseup", "1");
  }

  /**
   * Keeps a picture of few colours.
   * @param window default: the upper part of the screen
   */
  async picture(name: string, window?: string): Promise<void> {
    mkdirSync(PICTURES, { recursive: true });
    const file = resolve(PICTURES, `${name}.png`);
    const part = window === undefined ? ["-crop", "990x320+0+0", "+repage"] : [];
    const small = ["-colors", "12", "+dither", "-strip", "-define", "png:compression-level=9"];
    const command = ["import", "-window", window ?? "root", ...part, ...small, file];
    await this.#programs.run(command, this.env);
  }
}
