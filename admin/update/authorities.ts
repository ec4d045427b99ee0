import type { AuthorityInfo, RevocationInfo } from "../../src/control/protocol.ts";
import { dateText } from "../../src/text/figures.ts";
import { call, choice, form, KEY_MAX, opened, step, text } from "../dialogs.ts";
import type { FormDialog, Model, Step } from "../model.ts";
import { KIND_TEXTS } from "../service-rows.ts";
import { type FormResult, trimmed, value } from "./form-values.ts";

/** Certificate authorities of users, and what is revoked. */

/** Keys of the page; undefined: not one of them. */
export function authoritiesKey(model: Model, key: string): Step | undefined {
  if (key === "a") return step(addForm(model));
  return key === "v" ? step(revokeForm(model)) : undefined;
}

function addForm(model: Model): Model {
  return form(model, {
    form: "ca-add",
    title: "Trust a certificate authority",
    user: "",
    text: "Whoever has its private key can make certificates that let in. Paste its public key: one line, as in a .pub file.",
    action: "trust it",
    fields: [text("key", "Public key", "", "ssh-ed25519 AAAA…", KEY_MAX)],
  });
}

export function authorityAdded(dialog: FormDialog): FormResult {
  const given = trimmed(dialog, "key");
  if (given === "") return { error: "paste a public key first" };
  if (given.includes("PRIVATE KEY")) return { error: "that is a private key: give the .pub file" };
  const done = { dialog: dialog.id, notice: "The authority is trusted." };
  return { effect: call("ca.add", { text: given }, done) };
}

const WHATS = ["key", "serial", "key ID"] as const;

function revokeForm(model: Model): Model {
  return form(model, {
    form: "ca-revoke",
    title: "Revoke",
    user: "",
    text: "What is revoked lets nobody in any more, and sessions that began with it end.",
    action: "revoke",
    fields: [
      choice("what", "What", WHATS, "key"),
      text("subject", "Which", "", "a key, SHA256:…, a number, an ID", KEY_MAX),
      text("authority", "Authority", "", "SHA256:…; empty: the only one", 64),
      text("reason", "Reason", "", "for administrators", 200),
    ],
  });
}

export function revoked(dialog: FormDialog): FormResult {
  const what = value(dialog, "what");
  const subject = trimmed(dialog, "subject");
  const authority = trimmed(dialog, "authority");
  const reason = trimmed(dialog, "reason");
  if (subject === "") return { error: `which ${what} is missing` };
  const which =
    what === "serial" ? { serial: subject } : what === "key" ? { key: subject } : { id: subject };
  const params = {
    ...which,
    ...(authority === "" ? {} : { authority }),
    ...(reason === "" ? {} : { reason }),
  };
  return { effect: call("ca.revoke", params, { dialog: dialog.id, notice: "It is revoked." }) };
}

export function authorityDetails({ fingerprint, algorithm, comment, createdAt }: AuthorityInfo) {
  return [
    ["Fingerprint", fingerprint],
    ["Algorithm", algorithm],
    ["Comment", comment],
    ["Added", dateText(createdAt)],
  ] as const;
}

export function revocationDetails(one: RevocationInfo) {
  return [
    ["Revoked", KIND_TEXTS[one.kind]],
    ["Which", one.subject],
    ["Of", one.authority ?? "any authority"],
    ["Reason", one.reason],
    ["By", one.actor],
    ["Since", dateText(one.createdAt)],
    ["Number", String(one.number)],
  ] as const;
}

export function takeAuthority(model: Model, { fingerprint, comment }: AuthorityInfo): Model {
  return opened(model, {
    kind: "confirm",
    title: "Trust this authority no more?",
    text: `${fingerprint} ${comment}\nSessions that began with its certificates end.`,
    action: "remove",
    effect: call(
      "ca.remove",
      { fingerprint },
      { notice: "The authority is not trusted any more." },
    ),
  });
}

export function takeRevocation(model: Model, { kind, subject, number }: RevocationInfo): Model {
  return opened(model, {
    kind: "confirm",
    title: `Lift the revocation of this ${KIND_TEXTS[kind]}?`,
    text: `${subject}\nIt may let in again.`,
    action: "lift it",
    effect: call("ca.unrevoke", { number }, { notice: "It is not revoked any more." }),
  });
}
