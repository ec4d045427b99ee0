import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client, Space } from "../client.ts";
import { MissingProgram, start, version } from "../program.ts";
import { beside, json } from "./driver.ts";
import { plainScript } from "./plain.ts";

const JAR = "/usr/share/java/jsch.jar";
const PACKAGE = "libjsch-java";

function java(desk: string): [string, ...string[]] {
  // Its start takes longest: no compiler for what runs a second.
  return ["java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", `${JAR}:${desk}`, "JschOps"];
}

/** Our program, and the key in the form that JSch reads. */
async function prepare({ desk }: { readonly desk: string }): Promise<void> {
  const args = ["-nowarn", "-cp", JAR, "-d", desk, beside("JschOps.java")];
  const { code, text } = await start("javac", args, { desk }).result;
  if (/com.jcraft.jsch does not exist/.test(text)) {
    throw new MissingProgram(`JSch is missing: install the package ${PACKAGE}`);
  }
  if (code !== 0) throw new Error(`JschOps.java can't be compiled: ${text}`);
  const pem = join(desk, "id.pem");
  await copyFile(join(desk, "id"), pem);
  const converted = await start("ssh-keygen", ["-q", "-p", "-m", "PEM", "-N", "", "-f", pem], {
    desk,
  }).result;
  if (converted.code !== 0) throw new Error(`the key can't be converted: ${converted.text}`);
}

export const jsch: Client = {
  name: "JSch",
  key: "ecdsa",
  says: {
    // It answers the question for the password again and again, until the server has enough.
    wrongPassword: /Auth (fail|cancel)|Too many authentication failures/,
    missing: /No such file/,
    denied: /Permission denied/,
    quota: /Quota exceeded: \d+ of \d+ bytes used, \d+ more needed/,
    cut: /closed|Pipe|inputstream|reset|session is down|timeout|SftpException/i,
  },
  lacks: {
    session:
      "JSch leaves answers unread after an upload that failed: the connection is of no more use",
    getKept: "JSch's get keeps neither time nor mode",
    checksum: "JSch compares no checksums",
  },
  version: () => version("dpkg-query", ["-W", PACKAGE], /\s(\d[^+\s]*)/),
  prepare,
  start: plainScript(({ desk }) => java(desk)),
  names({ stdout }) {
    const names = stdout.toString("latin1").split("\0").slice(0, -1);
    return names.map((name) => Buffer.from(name, "latin1"));
  },
  space: (outcome) => json(outcome) as Space,
};
