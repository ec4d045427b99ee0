import { fileURLToPath } from "node:url";

/** Set to 1 to write docs/clients.md from what was measured. */
export const WRITING = process.env.MOORAGE_WRITE_CLIENTS === "1";

/** Bytes of the file that is mostly holes, for all clients. */
export const LARGE = process.env.MOORAGE_CLIENTS_LARGE;

export const DOCUMENT = fileURLToPath(new URL("../../../docs/clients.md", import.meta.url));

/** The head of docs/clients.md; what follows there is measured. */
export const INTRO = `# What the clients do

Measured, not claimed: each client logs in to a server of its own and does each step; what counts is
what then lies on the server's disk (bytes by hash, names byte by byte, modes, times), the client's
exit code and its message. The tests do it anew every time, with the clients of the machine they run
on; this page is the record of one such run, with its versions and dates at the end. How to connect
with each of them: [connecting.md](connecting.md).

WinSCP, FileZilla and Cyberduck are not in the table, for they need a desktop. Tests of their own send
what these programs send, packet by packet, and check each answer: log in, list, upload, resume,
rename, set times and modes (test/clients: \`winscp\`, \`winscp-scp\`, \`filezilla\`, \`cyberduck\`).
FileZilla, GNOME's gio and Midnight Commander driven for real: [desktop-clients.md](desktop-clients.md).

\`yes\`: as it should be. \`–\`: the client does not offer it, the number says why. \`no\`: offered, and
fails by the client's own fault: in the same run it failed with OpenSSH's server, too. A step that
fails with this server and not with OpenSSH's fails the tests; so does every one about quotas and
checksums, which OpenSSH's server doesn't have.

What they do in folders where files are only added or dropped, and what not, is in
[a team in ten minutes](team.md#folders-where-files-are-only-added-or-dropped).

What stands to the right of libssh scp are libraries and programs that \`npm run test:clients -- --all\` runs:
how to use them, and libssh, is in [connecting-libraries.md](connecting-libraries.md). Programs that keep a store of
their own (restic, borg and git-annex over sshfs, duplicity) are tested along with them
(test/clients/all/backups.test.ts): keep, check, give back.

The large file is 1 GiB for every client up to ssh2-sftp-client, and 24 MiB for the others in this
table; an ordinary run of the tests uses 1 GiB with sftp and less with the others. To write the page
anew, and the columns of the others:

\`\`\`sh
MOORAGE_WRITE_CLIENTS=1 npm run test:clients
MOORAGE_WRITE_CLIENTS=1 MOORAGE_CLIENTS_LARGE=25165824 npm run test:clients -- --all test/clients/all test/clients/conform-libssh
\`\`\`

What they send is recorded, too, for a list, an upload, a resume and the like (test/clients/sequences:
kinds, names, flags, places and lengths). The test against OpenSSH's sftp-server sends the same to both
servers and compares each answer, and the files afterwards. To record anew, with all clients installed:

\`\`\`sh
MOORAGE_WRITE_SEQUENCES=1 npm run test:clients -- --all test/clients/sequences-record
\`\`\`

The clients of another Debian release, in a directory of its own (as root, with \`debootstrap\`):

\`\`\`sh
scripts/clients-from.sh make trixie /var/tmp/trixie
CLIENTS_FROM=/var/tmp/trixie npm run test:clients
scripts/clients-from.sh remove /var/tmp/trixie
\`\`\`
`;
