import type { ReceiverInfo, RevocationInfo } from "../src/control/protocol.ts";
import { dateText } from "../src/text/figures.ts";
import { agoText, groupedText, secondText, sizeText, spanText } from "./format.ts";
import type {
  AuthoritiesDialog,
  Model,
  ReceiversDialog,
  RecordsDialog,
  TrashDialog,
} from "./model.ts";
import { fact, type PageRow, section } from "./page-parts.ts";
import { batchText } from "./records.ts";
import { plural } from "./text.ts";

/** Rows of the pages about what the server keeps and does: trash, records, authorities, receivers. */

const LOADING: readonly PageRow[] = [{ kind: "loading" }];

/** At the end of a long list of which there is more. */
const MORE: PageRow = { kind: "item", item: { kind: "more" }, cells: ["Enter shows more"] };

export function trashRows({ now }: Model, { files, more }: TrashDialog): readonly PageRow[] {
  if (files === null) return LOADING;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const text = more ? "The oldest files" : "Files";
  return [
    fact(
      "Kept",
      `${plural(files.length, "file")}${more ? " and more" : ""}`,
      `(${sizeText(bytes)})`,
    ),
    { kind: "blank" },
    ...section(text, "none: nothing was removed, or nothing is kept", files, (file) => ({
      item: { kind: "trashed", file } as const,
      cells: [agoText(file.removedAt, now), sizeText(file.size).padStart(8), file.path],
    })),
    ...(more ? [MORE] : []),
  ];
}

export function recordsRows({ line, records, next }: RecordsDialog): readonly PageRow[] {
  const { record, all } = line;
  const { user = "", kind, remote, session } = record;
  return [
    fact("Kind", kind, batchText(line)),
    fact("User", user, session === undefined ? "" : `in session ${session}`),
    ...(remote === undefined ? [] : [fact("From", remote)]),
    ...(all === undefined
      ? []
      : [fact("Time", secondText(all.since), `to ${secondText(all.until)}`)]),
    { kind: "blank" },
    ...(records === null
      ? LOADING
      : section("Records, newest first", "none", records, (one) => ({
          item: { kind: "record", record: one } as const,
          cells: [secondText(one.at), sizeText(one.bytes ?? 0).padStart(8), one.path ?? ""],
        }))),
    ...(next === null ? [] : [MORE]),
  ];
}

export function authoritiesRows({ now }: Model, page: AuthoritiesDialog): readonly PageRow[] {
  const { authorities, revoked } = page;
  if (authorities === null) return LOADING;
  return [
    ...section("Trusted", "none: no certificate lets anybody in", authorities, (authority) => ({
      item: { kind: "authority", authority } as const,
      cells: [
        authority.fingerprint,
        authority.comment === "" ? authority.algorithm : authority.comment,
      ],
    })),
    { kind: "blank" },
    ...section("Revoked", "nothing", revoked, (revocation) => ({
      item: { kind: "revocation", revocation } as const,
      cells: [
        KIND_TEXTS[revocation.kind],
        revocation.subject,
        agoText(revocation.createdAt, now),
        revocation.reason === "" ? `by ${revocation.actor}` : revocation.reason,
      ],
    })),
  ];
}

export const KIND_TEXTS: Readonly<Record<RevocationInfo["kind"], string>> = {
  serial: "serial",
  id: "key ID",
  key: "key",
};

export function receiversRows({ now }: Model, { receivers }: ReceiversDialog): readonly PageRow[] {
  if (receivers === null) return LOADING;
  return section("Receivers", "none: [[events]] in moorage.toml adds one", receivers, (one) => ({
    item: { kind: "receiver", receiver: one } as const,
    cells: [one.name, stateText(one), `${groupedText(one.queued)} wait`, healthText(one, now)],
  }));
}

function stateText({ configured, failures, lastSuccessAt }: ReceiverInfo): string {
  if (!configured) return "removed";
  if (failures > 0) return "FAILS";
  return lastSuccessAt === null ? "new" : "works";
}

/** Of one that fails why, of another when something arrived. */
function healthText({ failures, lastError, lastSuccessAt, nextAt }: ReceiverInfo, now: number) {
  if (failures === 0) return `last success ${agoText(lastSuccessAt, now)}`;
  const next = nextAt === null ? "" : `next try in ${spanText(nextAt - now)}: `;
  return `${next}${lastError}`;
}

/** All of a receiver, for its dialog. */
export function receiverDetails(one: ReceiverInfo, now: number): (readonly [string, string])[] {
  const at = (time: number | null) =>
    time === null ? "never" : `${dateText(time)} (${agoText(time, now)})`;
  return [
    ["Sent to", one.configured ? one.target : "nowhere: the settings do not have it any more"],
    ["Kinds", one.kinds.join(", ")],
    ["Waiting", `${plural(one.queued, "event")}, ${sizeText(one.queuedBytes)}`],
    ["Delivered", groupedText(one.delivered)],
    ["Dropped", groupedText(one.dropped)],
    ["Failures", `${groupedText(one.failures)} since the last success`],
    ["Last success", at(one.lastSuccessAt)],
    ["Last error", one.lastError === "" ? "none" : `${at(one.lastErrorAt)}: ${one.lastError}`],
    ["Next try", one.nextAt === null ? "as soon as there is something" : dateText(one.nextAt)],
  ];
}
