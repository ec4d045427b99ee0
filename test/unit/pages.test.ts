import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IN_DOCS = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
const PAGES = ["README.md", "SECURITY.md", ...IN_DOCS.map((name) => `docs/${name}`)];

const read = (page: string) => readFileSync(join(ROOT, page), "utf8");

/** The text without its blocks of code, where `#` begins a comment. */
function prose(page: string): string {
  return read(page).replace(/^```.*?^```/gms, "");
}

/** As GitHub makes the anchor of a heading. */
function anchor(heading: string): string {
  const text = heading.replace(/[`*]/g, "").toLowerCase();
  return text.replace(/[^\p{L}\p{N}\- _]/gu, "").replaceAll(" ", "-");
}

function anchors(page: string): string[] {
  return [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchor(heading));
}

function linksOf(page: string): string[] {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
}

function isBroken(page: string, link: string): boolean {
  const [path = "", heading] = link.split("#");
  const target = path === "" ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, target))) return true;
  return heading !== undefined && !anchors(target).includes(heading);
}

test.each(PAGES)("all links of %s lead somewhere", (page) => {
  expect(linksOf(page).filter((link) => isBroken(page, link))).toEqual([]);
});

test("the index has all pages", () => {
  const listed = linksOf("docs/README.md").map((link) => link.split("#")[0]);
  for (const name of IN_DOCS) if (name !== "README.md") expect(listed).toContain(name);
});

test("README has its two commands, each on a line of its own", () => {
  const lines = read("README.md").split("\n");
  expect(lines).toContain("npm ci && npm start");
  expect(lines).toContain("npm ci && npm test");
});
