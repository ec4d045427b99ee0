import { existsSync } from "node:fs";
import type { Command } from "commander";
import { parseAuthorities, parseRevokedKey } from "../../auth/authority-keys.ts";
import { AuthorityControl, subjectText } from "../../control/authorities.ts";
import { authorityJson, revocationJson } from "../../control/key-views.ts";
import type { RevocationRequest } from "../../control/protocol.ts";
import { dateText } from "../../text/figures.ts";
import { type CommandContext, cliActor, withStore } from "../context.ts";
import { json, table } from "../format.ts";
import { readKeys } from "./key.ts";

const EXAMPLES = `
Examples:
  moorage ca add users_ca.pub                    let in whom its certificates name
  ssh-keygen -s users_ca -I alice-laptop -z 7 -n alice -V +1d id_ed25519.pub
  moorage ca revoke --serial 7                   no more, and now
  moorage ca revoke --key stolen.pub --reason "laptop lost"
`;

interface Json {
  readonly json?: boolean;
}

interface RevokeOptions extends Json {
  readonly serial?: string;
  readonly id?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly reason?: string;
}

export function addCaCommands(program: Command, context: CommandContext): void {
  const ca = program
    .command("ca")
    .description("manage authorities whose certificates let users in, and revoke")
    .addHelpText("after", EXAMPLES);
  ca.command("add")
    .argument("<file>", "the authority's public key (.pub)")
    .description("let in the users that certificates of an authority name")
    .option("--json", "print JSON")
    .action((file: string, options: Json) => add(context, file, options));
  ca.command("list")
    .description("list the authorities")
    .option("--json", "print JSON")
    .action((options: Json) => list(context, options));
  ca.command("remove")
    .argument("<fingerprint>", "SHA256:…, as `ca list` shows it")
    .description("trust an authority no more, and end the sessions of its certificates")
    .option("--json", "print JSON")
    .action((fingerprint: string, options: Json) => remove(context, fingerprint, options));
  addRevocationCommands(ca, context);
}

function addRevocationCommands(ca: Command, context: CommandContext): void {
  ca.command("revoke")
    .description("refuse certificates, or a key, and end the sessions they opened")
    .option("--serial <number>", "the certificates with that serial number, of one authority")
    .option("--id <text>", "the certificates with that key ID")
    .option("--key <file>", "a key: a public key, a certificate, or SHA256:…")
    .option("--ca <fingerprint>", "the authority, for --serial (where there are several) and --id")
    .option("--reason <text>", "why, for administrators")
    .option("--json", "print JSON")
    .action((options: RevokeOptions) => revoke(context, options));
  ca.command("revoked")
    .description("list what is revoked")
    .option("--json", "print JSON")
    .action((options: Json) => revoked(context, options));
  ca.command("unrevoke")
    .argument("<number>", "as `ca revoked` shows it")
    .description("take a revocation back")
    .option("--json", "print JSON")
    .action((number: string, options: Json) => unrevoke(context, number, options));
}

/** They work on the store, whether a server runs or not. */
function withAuthorities<T>(
  context: CommandContext,
  use: (authorities: AuthorityControl) => Promise<T>,
): Promise<T> {
  return withStore(context, (store) => use(new AuthorityControl({ store, actor: cliActor() })), {
    withoutHomes: true,
  });
}

async function add(context: CommandContext, file: string, options: Json): Promise<void> {
  const { io } = context;
  const [text, all] = readKeys(file, (content) => [content, parseAuthorities(content)] as const);
  const added = await withAuthorities(context, (authorities) => authorities.add(text));
  if (options.json) {
    io.out(json(added.map(authorityJson)));
    return;
  }
  for (const { fingerprint } of all) {
    const isNew = added.some((one) => one.fingerprint === fingerprint);
    io.out(`${isNew ? "Added" : "Was there already:"} ${fingerprint}\n`);
  }
}

async function list(context: CommandContext, options: Json): Promise<void> {
  const { io } = context;
  const all = await withAuthorities(context, (authorities) => authorities.list());
  if (options.json) io.out(json(all.map(authorityJson)));
  else if (all.length === 0) io.out("There are no certificate authorities.\n");
  else {
    const titles = ["FINGERPRINT", "TYPE", "ADDED", "COMMENT"];
    const rows = all.map(({ fingerprint, algorithm, createdAt, comment }) => [
      fingerprint,
      algorithm,
      dateText(createdAt),
      comment,
    ]);
    io.out(table(io, titles.map(titled), rows));
  }
}

function titled(title: string): { readonly title: string } {
  return { title };
}

async function remove(context: CommandContext, given: string, options: Json): Promise<void> {
  const removed = await withAuthorities(context, (authorities) => authorities.remove(given));
  const text = `Removed ${removed.fingerprint}: its certificates let nobody in any more.\n`;
  context.io.out(options.json ? json(authorityJson(removed)) : text);
}

async function revoke(context: CommandContext, options: RevokeOptions): Promise<void> {
  const request = requestIn(options);
  const revocation = await withAuthorities(context, (authorities) => authorities.revoke(request));
  const text = `Revoked ${subjectText(revocation)} (number ${revocation.number}).\n`;
  context.io.out(options.json ? json(revocationJson(revocation)) : text);
}

function requestIn({ serial, id, key, ca, reason }: RevokeOptions): RevocationRequest {
  return {
    ...(serial !== undefined && { serial }),
    ...(id !== undefined && { id }),
    ...(key !== undefined && { key: keyIn(key) }),
    ...(ca !== undefined && { authority: ca }),
    ...(reason !== undefined && { reason }),
  };
}

/** A fingerprint as it is, unless there is a file of that name. */
function keyIn(given: string): string {
  return given.startsWith("SHA256:") && !existsSync(given)
    ? given
    : readKeys(given, parseRevokedKey);
}

async function revoked(context: CommandContext, options: Json): Promise<void> {
  const { io } = context;
  const all = await withAuthorities(context, (authorities) => authorities.revoked());
  if (options.json) io.out(json(all.map(revocationJson)));
  else if (all.length === 0) io.out("Nothing is revoked.\n");
  else {
    const titles = ["NUMBER", "WHAT", "SINCE", "BY", "REASON"];
    const rows = all.map((one) => {
      const { number, createdAt, actor, reason } = one;
      return [`${number}`, subjectText(one), dateText(createdAt), actor, reason];
    });
    io.out(table(io, titles.map(titled), rows));
  }
}

async function unrevoke(context: CommandContext, given: string, options: Json): Promise<void> {
  const number = /^\d{1,15}$/.test(given) ? Number(given) : 0;
  const back = await withAuthorities(context, (authorities) => authorities.unrevoke(number));
  const text = `${subjectText(back)} is not revoked any more.\n`;
  context.io.out(options.json ? json(revocationJson(back)) : text);
}
