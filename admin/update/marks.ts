import { call, opened, step } from "../dialogs.ts";
import { addressOf, LISTS, type SessionItem } from "../lists.ts";
import { namesText } from "../marked-forms.ts";
import { marksOf } from "../marks.ts";
import type { Model, NamedCall, Step } from "../model.ts";
import { endable, liftable, markedSessions } from "../offered.ts";
import { plural } from "../text.ts";
import { calls } from "./batch.ts";
import { askLift } from "./security.ts";
import { askEnd, askKick } from "./sessions.ts";
import { noticed } from "./views.ts";

/** Marking rows, alike in all lists, and what is done with all that are marked. */

/** Marks rows of the list that is shown; undefined: not such a key, or nothing to mark here. */
export function markKey(model: Model, key: string): Step | undefined {
  const list = LISTS[model.view];
  const ids = list?.ids?.(model);
  if (list === undefined || ids === undefined) return undefined;
  const cursor = list.cursor(model);
  switch (key) {
    case " ": {
      const id = ids[cursor.index];
      if (id === undefined) return step(model);
      const marked = new Set(marksOf(model));
      if (!marked.delete(id)) marked.add(id);
      // The cursor goes on, so that several are marked by holding the key.
      return step(list.moved(withMarks(model, marked), { ...cursor, index: cursor.index + 1 }));
    }
    case "*":
      return step(withMarks(model, new Set(ids)));
    case "escape":
      return marksOf(model).length === 0 ? undefined : step(withMarks(model, new Set()));
    default:
      return marksOf(model).length === 0 ? undefined : forMarked(model, key);
  }
}

function withMarks(model: Model, marked: ReadonlySet<string>): Model {
  return { ...model, marks: { ...model.marks, [model.view]: marked } };
}

function forMarked(model: Model, key: string): Step | undefined {
  const takes = key === "x" || key === "delete";
  switch (model.view) {
    case "sessions":
    case "transfers": {
      if (takes || key === "X") {
        return step(askKickAll(model, markedSessions(model), key === "X"));
      }
      return key === "e" ? step(askEndAll(model)) : undefined;
    }
    case "security":
      return takes ? step(askLiftAll(model)) : undefined;
    case "groups":
      return takes ? step(askRemoveAll(model, "group")) : undefined;
    case "folders":
      return takes ? step(askRemoveAll(model, "folder")) : undefined;
    default:
      return undefined;
  }
}

/** Asks before several calls; `done` is what is said when all of them were. */
function asks(
  model: Model,
  question: { title: string; text: string; action: string; going: string; done: string },
  all: readonly NamedCall[],
): Model {
  const { title, text, action, going, done } = question;
  const names = namesText([...new Set(all.map(({ what }) => what))]);
  const effect = calls(going, done, all);
  return opened(model, { kind: "confirm", title, text: `${text} ${names}.`, action, effect });
}

function askKickAll(model: Model, items: readonly SessionItem[], disable: boolean): Model {
  const sessions = [...new Map(items.map(({ session }) => [session.id, session])).values()];
  const [only] = sessions;
  if (only !== undefined && sessions.length === 1) return askKick(model, only, disable);
  const many = plural(sessions.length, "session");
  const also = disable ? " Their accounts are disabled: no new login works." : "";
  return asks(
    model,
    {
      title: `${disable ? "Kick and disable" : "Kick"} ${many}?`,
      text: `They end at once.${also} Users:`,
      action: disable ? "kick and disable" : "kick",
      going: `Ending ${many}`,
      done: `${many} ended.`,
    },
    sessions.map(({ id, user }) => ({
      what: user,
      call: call("sessions.kick", disable ? { id, disable } : { id }),
    })),
  );
}

function askEndAll(model: Model): Model {
  const marked = endable(model);
  const [only] = marked;
  if (only !== undefined && marked.length === 1) return askEnd(model, only.session, only.transfer);
  const all = marked.map(({ session, transfer }): NamedCall => {
    const params = { session: session.id, transfer: transfer.id };
    return { what: transfer.path, call: call("transfers.end", params) };
  });
  if (all.length === 0) return noticed(model, "error", "No transfer is marked.");
  const many = plural(all.length, "transfer");
  const text = "They end; their sessions go on. Files:";
  const said = { going: `Ending ${many}`, done: `${many} ended.` };
  return asks(model, { title: `End ${many}?`, text, action: "end them", ...said }, all);
}

function askLiftAll(model: Model): Model {
  const marked = liftable(model);
  const [only] = marked;
  if (only !== undefined && marked.length === 1) return askLift(model, only);
  const all = marked.map((item): NamedCall => {
    const address = addressOf(item);
    const lift = item.kind === "ban" ? "bans.lift" : "penalties.lift";
    return { what: address, call: call(lift, { address }) };
  });
  if (all.length === 0) return noticed(model, "error", "No ban or penalty is marked.");
  const many = `${all.length} bans and penalties`;
  const text = "Logins from there are answered again at once.";
  const said = { going: `Lifting ${many}`, done: `${many} were lifted.` };
  return asks(model, { title: `Lift ${many}?`, text, action: "lift them", ...said }, all);
}

function askRemoveAll(model: Model, what: "group" | "folder"): Model {
  const names = marksOf(model);
  const many = plural(names.length, what);
  const [whose, them] = names.length === 1 ? ["its", "it"] : ["their", "them"];
  const stays =
    what === "group"
      ? `The members stay, without ${whose} limits, quota, folders and rules.`
      : `Nobody has ${them} any more; the files stay on the disk.`;
  const all = names.map((name): NamedCall => {
    const remove = what === "group" ? call("groups.remove", { name }) : removeFolder(name);
    return { what: name, call: remove };
  });
  const said = { going: `Removing ${many}`, done: `${many} removed.` };
  return asks(model, { title: `Remove ${many}?`, text: stays, action: "remove", ...said }, all);
}

function removeFolder(name: string) {
  return call("folders.remove", { name });
}
