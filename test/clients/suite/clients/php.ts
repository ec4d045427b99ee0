import type { Client } from "../client.ts";
import { MissingProgram, start, version } from "../program.ts";
import { names, QUOTA, script } from "./driver.ts";

const PACKAGE_VERSION = ["-W", "-f", "$" + "{Version}"];

export const phpseclib: Client = {
  name: "phpseclib",
  key: "rsa",
  says: {
    wrongPassword: /login failed/,
    missing: /NO_SUCH_FILE/,
    denied: /PERMISSION_DENIED/,
    quota: QUOTA,
    cut: /Connection closed|Broken pipe|failed/i,
  },
  lacks: {
    session:
      "phpseclib 2 leaves answers unread after an upload that failed: the connection is of no more use",
    replace: "phpseclib 2's rename replaces nothing",
    putMode: "phpseclib's put carries no modes",
    getMode: "phpseclib's get carries no modes",
    hardlink: "phpseclib has no hard links",
    df: "phpseclib 2 asks for no free space",
    checksum: "phpseclib compares no checksums",
  },
  async version() {
    try {
      return await version("dpkg-query", [...PACKAGE_VERSION, "php-phpseclib"], /^(\d[^+\s]*)/);
    } catch (cause) {
      throw new MissingProgram("phpseclib is missing: install the package php-phpseclib", {
        cause,
      });
    }
  },
  start: script("php", "phpseclib_ops.php"),
  names,
};

const NO_TREES = "PHP's ssh2 carries files, no directories";

export const phpSsh2: Client = {
  name: "php-ssh2",
  says: {
    wrongPassword: /Authentication failed/,
    missing: /Unable to open/i,
    denied: /Unable to open/i,
    quota: /^put failed$/m,
    cut: /failed|Unable/i,
  },
  lacks: {
    putTree: NO_TREES,
    getTree: NO_TREES,
    replace: "libssh2's rename replaces nothing with a server of version 3",
    putKept: "streams carry neither time nor mode",
    getKept: "streams carry neither time nor mode",
    hardlink: "PHP's ssh2 has no hard links",
    df: "PHP's ssh2 asks for no free space",
    checksum: "PHP's ssh2 compares no checksums",
  },
  async version() {
    const { text } = await start("php", ["-r", "echo phpversion('ssh2');"], { desk: "/" }).result;
    if (/^\d/.test(text)) return text;
    throw new MissingProgram("PHP's ssh2 is missing: install the package php-ssh2");
  },
  start: script("php", "php_ssh2_ops.php"),
  names,
};
