/** So long may be a path that rules or folders hang on: a cursor knows that much of where it is. */
export const MAX_RULE_PATH = 256;

/** Text that is no path for a rule or a folder. The message says what would be one. */
export class PathError extends Error {
  override readonly name = "PathError";
}

/**
 * A path in a user's tree as rules have it: absolute, without "." and slashes too many, one char per
 * byte.
 * @param text UTF-8
 * @throws PathError
 */
export function rulePath(text: string): string {
  if (!text.startsWith("/")) throw new PathError("a path begins with a slash, such as /reports");
  const raw = Buffer.from(text, "utf8").toString("latin1");
  const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new PathError("a path here goes nowhere back: leave out ..");
  if (raw.includes("\0")) throw new PathError("a path has no NUL in it");
  const path = `/${parts.join("/")}`;
  if (path.length > MAX_RULE_PATH) {
    throw new PathError(`a path here has at most ${MAX_RULE_PATH} bytes`);
  }
  return path;
}

/** The same for a folder, which is never the whole tree. @throws PathError */
export function folderPath(text: string): string {
  const path = rulePath(text);
  if (path === "/") throw new PathError("a folder can't be at /: give a path such as /projects");
  return path;
}

/** For people: the bytes read as UTF-8. */
export function pathText(path: string): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** Whether one path is the other, or is inside it. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || directory === "/" || path.startsWith(`${directory}/`);
}
