import type Database from "better-sqlite3";

/** The first version of Node.js for which better-sqlite3 13 and later are made. */
const FIRST_OF_13 = 22;

/**
 * better-sqlite3, in the version that this Node.js can use. The install leaves out the other one:
 * version 13 crashes Node.js 20, and the statements of version 12 end Node.js 24.19 and later when
 * they are collected.
 */
export const Driver: typeof Database = await load();

async function load(): Promise<typeof Database> {
  const [major] = process.versions.node.split(".");
  const isOld = Number(major) < FIRST_OF_13;
  try {
    return (await (isOld ? import("moorage-sqlite-node20") : import("better-sqlite3"))).default;
  } catch (error) {
    const hint = isOld
      ? "on Node.js 20 the install needs python3, make and g++ (22 and newer don't)"
      : "it was made for another Node.js, or not all of it";
    throw new Error(`no database on Node.js ${process.versions.node}: ${hint}`, { cause: error });
  }
}
