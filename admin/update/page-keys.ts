import type { CountingRule, KeyInfo } from "../../src/control/protocol.ts";
import { dateText } from "../../src/text/figures.ts";
import { call, changed, closedDialog, opened, step } from "../dialogs.ts";
import type { CallEffect, Model, PageDialog, Step } from "../model.ts";
import { subjectOf } from "../offered.ts";
import { pageMoved, selectedItem } from "../page-cursor.ts";
import type { PageItem } from "../page-parts.ts";
import { askedMore, folderPage, groupPage, sessionPage, userPage } from "../pages.ts";
import { recordDetails } from "../records.ts";
import { receiverDetails } from "../service-rows.ts";
import { ruleForm, shareFolderForm } from "../team-forms.ts";
import {
  authoritiesKey,
  authorityDetails,
  revocationDetails,
  takeAuthority,
  takeRevocation,
} from "./authorities.ts";
import { folderKey } from "./folders.ts";
import { groupKey } from "./groups.ts";
import { dropEvents, receiversKey } from "./receivers.ts";
import { askKick, sessionKey } from "./sessions.ts";
import { listsOf } from "./trail.ts";
import { takeTrashed, trashedDetails, trashKey } from "./trash.ts";
import { userKey } from "./users.ts";

/** Keys of a page about a user, a group or a folder. */
export function pageKey(shown: Model, page: PageDialog, key: string): Step {
  if (key === "q") return step(closedDialog(shown, page.id));
  const model = page.error === "" ? shown : changed(shown, page, { error: "" });
  const cursor = pageMoved(model, page, key);
  if (cursor !== undefined) return step(changed(model, { ...page, error: "" }, { cursor }));
  const item = selectedItem(model, page);
  if (key === "enter") return item === undefined ? step(model) : openItem(model, page, item);
  const about = aboutUser(model, page, key);
  if (about !== undefined) return about;
  if (page.kind !== "session" && (key === "x" || key === "delete")) {
    return step(item === undefined ? model : asksToTake(model, page, item));
  }
  return aboutKey(model, page, key) ?? step(model);
}

/** The keys of the views lead to what they say of this user, and Esc back to the page. */
function aboutUser(model: Model, page: PageDialog, key: string): Step | undefined {
  if (page.kind !== "user" && page.kind !== "session") return undefined;
  return listsOf(model, page.kind === "user" ? page.name : page.session.user, key);
}

function aboutKey(model: Model, page: PageDialog, key: string): Step | undefined {
  switch (page.kind) {
    case "user":
      return page.user === null ? undefined : userKey(model, page.user, key);
    case "group":
      return page.group === null ? undefined : groupKey(model, page.group, key);
    case "folder":
      return page.folder === null ? undefined : folderKey(model, page.folder, key);
    case "totals":
    case "records":
      return undefined;
    case "trash":
      return trashKey(model, page, selectedItem(model, page), key);
    case "authorities":
      return authoritiesKey(model, key);
    case "receivers":
      return receiversKey(model, selectedItem(model, page), key);
    case "session": {
      const item = selectedItem(model, page);
      const transfer = item?.kind === "transfer" ? item.transfer : undefined;
      return page.ended ? undefined : sessionKey(model, page.session, transfer, key);
    }
  }
}

function openItem(model: Model, page: PageDialog, item: PageItem): Step {
  switch (item.kind) {
    case "group":
      return groupPage(model, item.name, null);
    case "member":
      return userPage(model, item.name, null);
    case "folder":
      return folderPage(model, item.rule.folder, null);
    case "rule":
      return openRule(model, page, item.rule);
    case "share":
      return step(shareFolderForm(model, page.name, item.share));
    case "session":
      return sessionPage(model, item.session);
    case "transfer":
    case "day":
      return step(model);
    case "key":
      return step(info(model, "Public key", keyDetails(item.key)));
    case "record":
      return step(info(model, "Record", recordDetails(item.record)));
    case "trashed":
      return step(info(model, "In the trash", trashedDetails(item.file)));
    case "authority":
      return step(info(model, "Certificate authority", authorityDetails(item.authority)));
    case "revocation":
      return step(info(model, "Revocation", revocationDetails(item.revocation)));
    case "receiver": {
      const { receiver } = item;
      return step(info(model, receiver.name, receiverDetails(receiver, model.now)));
    }
    case "more":
      return step(model, ...askedMore(page));
  }
}

function openRule(model: Model, page: PageDialog, rule: CountingRule): Step {
  if (rule.of === subjectOf(page)) return step(ruleForm(model, rule.of, rule));
  return groupPage(model, rule.of.slice(1), null);
}

function info(model: Model, title: string, lines: readonly (readonly [string, string])[]): Model {
  return opened(model, { kind: "info", title, secret: "", lines });
}

function keyDetails({ fingerprint, algorithm, comment, createdAt, ...key }: KeyInfo) {
  return [
    ["Fingerprint", fingerprint],
    ["Algorithm", algorithm],
    ["Comment", comment],
    ["Options", key.options === "" ? "none" : key.options],
    ["Expires", key.expiresAt === null ? "never" : dateText(key.expiresAt)],
    ["Added", dateText(createdAt)],
  ] as const;
}

/** Asks before what is selected is taken away. */
function asksToTake(model: Model, page: PageDialog, item: PageItem): Model {
  const { name } = page;
  switch (item.kind) {
    case "key":
      return takeKey(model, name, item.key);
    case "group":
      return leave(model, item.name, name);
    case "member":
      return page.kind === "group" ? leave(model, name, item.name) : model;
    case "folder":
      if (item.rule.of !== subjectOf(page)) return notOwn(model, page, item.rule);
      return unshare(model, item.rule.folder, item.rule.of);
    case "rule":
      if (item.rule.of !== subjectOf(page)) return notOwn(model, page, item.rule);
      return takeRule(model, item.rule);
    case "share":
      return unshare(model, name, item.share.to);
    case "session":
      return askKick(model, item.session, false);
    case "trashed":
      return takeTrashed(model, name, item.file);
    case "authority":
      return takeAuthority(model, item.authority);
    case "revocation":
      return takeRevocation(model, item.revocation);
    case "receiver":
      return dropEvents(model, item.receiver);
    case "record":
    case "transfer":
    case "day":
    case "more":
      return model;
  }
}

function notOwn(model: Model, page: PageDialog, { of }: CountingRule): Model {
  const group = of.slice(1);
  const error = `that is of group ${group}: Enter opens it, or ${page.name} leaves the group`;
  return changed(model, { ...page, error }, {});
}

function asks(model: Model, title: string, text: string, action: string, effect: CallEffect) {
  return opened(model, { kind: "confirm", title, text, action, effect });
}

function takeKey(model: Model, name: string, { fingerprint, comment }: KeyInfo): Model {
  const text = `${fingerprint} ${comment}\nSessions that were opened with it end.`;
  const done = { notice: `Key removed from ${name}.` };
  const effect = call("keys.remove", { name, fingerprint }, done);
  return asks(model, `Remove this key of ${name}?`, text, "remove", effect);
}

function leave(model: Model, group: string, user: string): Model {
  const text = `${user} has the limits, folders and rules of group ${group} no more.`;
  const done = { notice: `${user} has left group ${group}.` };
  const effect = call("groups.leave", { name: group, users: [user] }, done);
  return asks(model, `Take ${user} out of group ${group}?`, text, "take out", effect);
}

function unshare(model: Model, name: string, to: string): Model {
  const text = `The files stay. Who has folder ${name} by another share keeps it.`;
  const done = { notice: `Folder ${name} is not shared with ${to} any more.` };
  const effect = call("folders.unshare", { name, to }, done);
  return asks(model, `Take folder ${name} from ${to}?`, text, "take away", effect);
}

function takeRule(model: Model, { of, path, access }: CountingRule): Model {
  const text = `${access} at ${path}: what counts there then is said by the other rules.`;
  const done = { notice: `The rule of ${of} for ${path} is gone.` };
  const effect = call("access.remove", { name: of, path }, done);
  return asks(model, `Remove this rule of ${of}?`, text, "remove", effect);
}
