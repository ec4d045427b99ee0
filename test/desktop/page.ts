import { writeFileSync } from "node:fs";
import type { Report } from "./report.ts";

const PAGE = "docs/desktop-clients.md";

const HEAD = `# Desktop programs, driven for real

Written by \`npm run test:desktop\`, which starts a server, drives the programs, compares what lies on
the server's disk, and notes what they show. How to connect: [connecting.md](connecting.md).
`;

/** For people who met one of the messages. */
const HELP = `## When the message says little

| what you see | where | what it is | look here |
|---|---|---|---|
| \`Unknown reason\` | GNOME: Files, \`gio\` | the quota is full: gvfs drops the server's text | \`gio info -f sftp://…/\`, the free space; \`ssh -p 2222 ann@files.example.org quota\` |
| \`Invalid reply received\` | GNOME | no permission to upload there: gvfs says this for all refusals of a new file but two (\`push_open_reply\` of its \`gvfsbackendsftp.c\`) | who runs the server asks \`moorage user access ann --explain /archive\` |
| \`SFTP Protocol Error 3 (-31)\` | Midnight Commander | no permission | who runs the server |
| \`Resource temporarily unavailable (11)\` | Midnight Commander, at log-in | the server is full, as one cause | as for GNOME |
| \`Connection failed\` | GNOME, at log-in | among others: the server is full; gvfs knows a few texts of \`ssh\` and drops the others | \`sftp -P 2222 ann@files.example.org\` prints the server's sentence |
| \`FXP write failed 4 (-31)\` | Midnight Commander | mostly the quota: mc shows the status (4: failure, 3: no permission) and libssh2's -31, and no text | \`ssh -p 2222 ann@files.example.org quota\` |

What is over the quota is not removed: a part of the file stays on the server, and FileZilla's *Resume*
goes on with it.

gvfs does not compare the host key of 127.0.0.1 (\`NoHostAuthenticationForLocalhost\`), so that its
question about an unknown key was not seen here. KDE's \`kioclient\` is not driven: it was tried by hand
(kio-extras 22.12.3) as far as its question about the unknown key, which shows the \`ssh-ed25519\`
fingerprint.
`;

function cell(text: string): string {
  return text.replace(/\|/g, "\\|").replace(/\s+/g, " ").trim();
}

function section(report: Report): string {
  const rows = report.findings.map(({ what, shown }) => `| ${cell(what)} | \`${cell(shown)}\` |`);
  const pictures = report.pictures.map(
    ({ name, text }) => `![${text}](pictures/desktop/${name}.png)`,
  );
  const screens = report.screens.map(
    ({ title, text }) => `${title}:\n\n\`\`\`\n${text.trimEnd()}\n\`\`\``,
  );
  const table = ["| step | what it showed, or what came of it |", "|---|---|", ...rows].join("\n");
  return [`## ${report.program} ${report.version}`, table, ...pictures, ...screens].join("\n\n");
}

/** Writes the page of all programs that were driven. */
export function writePage(reports: readonly Report[]): void {
  const date = new Date().toISOString().slice(0, 10);
  const made = `Last run: ${date}, Debian's packages, Node.js ${process.version}.`;
  const text = [HEAD.trim(), made, HELP.trim(), ...reports.map(section)].join("\n\n");
  // Ports and temporary directories change from run to run.
  const steady = text
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:2222")
    .replace(/\/tmp\/md-\w+/g, "/tmp");
  writeFileSync(PAGE, `${steady}\n`);
}
