import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  fingerprint,
  hostName,
  KnownHosts,
  keyType,
} from "../../../../src/client/login/known-hosts.ts";

/** A key's blob: its type and some bytes. */
function blob(type: string, seed: string): Buffer {
  const parts = [type, seed].map((text) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([length, Buffer.from(text)]);
  });
  return Buffer.concat(parts);
}

const ED = blob("ssh-ed25519", "first");
const ED2 = blob("ssh-ed25519", "second");
const RSA = blob("ssh-rsa", "third");
const line = (hosts: string, key: Buffer): string =>
  `${hosts} ${keyType(key)} ${key.toString("base64")} comment`;

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-known-"));
  file = join(directory, "ssh/known_hosts");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function known(...lines: string[]): KnownHosts {
  const path = join(directory, "given");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return new KnownHosts([path]);
}

describe("known hosts", () => {
  it("written to what is not a file, such as /dev/null, leave its mode alone", () => {
    const pipe = join(directory, "pipe");
    const hosts = new KnownHosts([pipe]);
    execFileSync("mkfifo", [pipe]);
    chmodSync(pipe, 0o666);
    // Held at its other end, so that it takes what is written.
    const other = openSync(pipe, "r+");
    hosts.add("host", 22, ED, false);
    closeSync(other);
    expect(statSync(pipe).mode & 0o777).toBe(0o666);
  });

  it("name the port when it isn't 22", () => {
    expect(hostName("Host", 22)).toBe("host");
    expect(hostName("host", 2222)).toBe("[host]:2222");
  });

  it("show the fingerprint as OpenSSH does", () => {
    expect(fingerprint(ED)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  it("are found by name, among several, by pattern, and not when negated", () => {
    const hosts = known(
      "# a comment",
      "",
      line("a,b", ED),
      line("*.example.org,!bad.example.org", RSA),
      line("h?st", ED2),
    );
    expect(hosts.check("b", 22, ED).known).toBe("yes");
    expect(hosts.check("x.example.org", 22, RSA).known).toBe("yes");
    expect(hosts.check("bad.example.org", 22, RSA).known).toBe("no");
    expect(hosts.check("host", 22, ED2).known).toBe("yes");
    expect(hosts.check("b", 2222, ED).known).toBe("no");
  });

  it("may have several keys", () => {
    const hosts = known(line("a", ED), line("a", ED2), line("a", RSA));
    for (const key of [ED, ED2, RSA]) expect(hosts.check("a", 22, key).known).toBe("yes");
    expect(hosts.types("a", 22)).toEqual(["ssh-ed25519", "ssh-rsa"]);
  });

  it("tell the line of the key that is another one now", () => {
    const hosts = known("# first", line("a", RSA), line("a", ED));
    expect(hosts.check("a", 22, ED2)).toMatchObject({ known: "changed", line: 3 });
    expect(known(line("a", RSA)).check("a", 22, ED)).toMatchObject({ known: "changed", line: 1 });
  });

  it("that are revoked are so for every name, and authorities are no keys of hosts", () => {
    expect(known(`@revoked x ${line("", ED).trim()}`).check("a", 22, ED).known).toBe("revoked");
    expect(known(`@cert-authority a ${line("", ED).trim()}`).check("a", 22, ED).known).toBe("no");
  });

  it("with a broken line are read without it", () => {
    expect(known("a", "a ssh-ed25519", "|1|x", line("a", ED)).check("a", 22, ED).known).toBe("yes");
  });

  it("are added plain, in a directory and file for the owner alone", () => {
    const hosts = new KnownHosts([file]);
    hosts.add("a", 2222, ED, false);
    hosts.add("b", 22, RSA, false);
    expect(hosts.check("a", 2222, ED).known).toBe("yes");
    expect(readFileSync(file, "utf8")).toMatch(/^\[a\]:2222 ssh-ed25519 \S+\nb ssh-rsa \S+\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "ssh")).mode & 0o777).toBe(0o700);
    expect(new KnownHosts([file]).check("a", 2222, ED).known).toBe("yes");
  });

  it("are added hashed when asked, and when the others are", () => {
    const hosts = new KnownHosts([file]);
    hosts.add("a", 22, ED, true);
    new KnownHosts([file]).add("b", 22, RSA, false);
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^\|1\|\S+ ssh-ed25519 \S+\n\|1\|\S+ ssh-rsa \S+\n$/);
    expect(new KnownHosts([file]).check("a", 22, ED).known).toBe("yes");
    expect(new KnownHosts([file]).check("b", 22, RSA).known).toBe("yes");
    expect(new KnownHosts([file]).check("c", 22, RSA).known).toBe("no");
  });

  it("are added behind a last line without an end", () => {
    const path = join(directory, "given");
    writeFileSync(path, line("a", ED));
    new KnownHosts([path]).add("b", 22, RSA, false);
    expect(new KnownHosts([path]).check("a", 22, ED).known).toBe("yes");
    expect(new KnownHosts([path]).check("b", 22, RSA).known).toBe("yes");
  });

  it("with a pattern made to be slow are quick", () => {
    const hosts = known(line(`${"*a".repeat(200)}b`, ED));
    expect(hosts.check("a".repeat(255), 22, ED).known).toBe("no");
  });
});
