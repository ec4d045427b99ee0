import type { SessionInfo, TransferView } from "../../src/control/protocol.ts";
import { dateText } from "../../src/text/figures.ts";
import { addressIn } from "../../src/text/remote.ts";
import { banForm, call, opened, step } from "../dialogs.ts";
import { spanText } from "../format.ts";
import { sessionItems, transferItems } from "../lists.ts";
import type { Model, Step } from "../model.ts";
import { recordDetails } from "../records.ts";
import { securityKey } from "./security.ts";
import { usersKey } from "./users.ts";

/** Keys of the view that is shown; undefined: not one of them. */
export function viewKey(model: Model, key: string): Step | undefined {
  switch (model.view) {
    case "users":
      return usersKey(model, key);
    case "sessions": {
      const item = sessionItems(model)[model.sessions.cursor.index];
      return item && sessionKey(model, item.session, item.transfer, key);
    }
    case "transfers": {
      const item = transferItems(model)[model.transfers.cursor.index];
      return item && sessionKey(model, item.session, item.transfer, key);
    }
    case "log":
      return logKey(model, key);
    case "security":
      return securityKey(model, key);
    case "keys":
      return key === "R" ? step(model, call("reload", {})) : undefined;
    default:
      return undefined;
  }
}

function sessionKey(
  model: Model,
  session: SessionInfo,
  transfer: TransferView | undefined,
  key: string,
): Step | undefined {
  switch (key) {
    case "enter":
      return step(sessionDetails(model, session));
    case "x":
    case "delete":
      return step(askKick(model, session, false));
    case "X":
      return step(askKick(model, session, true));
    case "b":
      return step(banForm(model, addressIn(session.remote)));
    case "e":
      return transfer === undefined ? undefined : step(askEnd(model, session, transfer));
    default:
      return undefined;
  }
}

function askKick(model: Model, { id, user, remote }: SessionInfo, disable: boolean): Model {
  const also = disable ? " Its account is disabled: no new login works." : "";
  return opened(model, {
    kind: "confirm",
    title: disable ? `Kick and disable ${user}?` : `Kick ${user}?`,
    text: `The session of ${user} from ${remote} ends at once.${also}`,
    action: disable ? "kick and disable" : "kick",
    effect: call("sessions.kick", disable ? { id, disable } : { id }, {
      notice: disable ? `${user} was kicked and disabled.` : `${user} was kicked.`,
    }),
  });
}

function askEnd(model: Model, { id: session, user }: SessionInfo, transfer: TransferView): Model {
  const what = transfer.direction;
  return opened(model, {
    kind: "confirm",
    title: `End this ${what}?`,
    text: `The ${what} of ${transfer.path} by ${user} ends; the session goes on.`,
    action: "end it",
    effect: call(
      "transfers.end",
      { session, transfer: transfer.id },
      { notice: `The ${what} of ${user} was ended.` },
    ),
  });
}

function sessionDetails(model: Model, session: SessionInfo): Model {
  const { idle, since } = session;
  return opened(model, {
    kind: "info",
    title: `Session ${session.id}`,
    secret: "",
    lines: [
      ["User", `${session.user} (${session.role})`],
      ["Address", session.remote],
      ["Client", session.client],
      ["State", session.state],
      ["Since", `${dateText(since)} (${spanText(model.now - since)})`],
      ["Idle", idle === null ? "unknown: in another process" : spanText(idle)],
      ["Process", session.node],
      ["Transfers", String(session.transfers.length)],
    ],
  });
}

function logKey(model: Model, key: string): Step | undefined {
  const { log } = model;
  if (key === "f") {
    const follow = !log.follow;
    const end = { index: log.records.length - 1, top: log.records.length };
    return step({ ...model, log: { ...log, follow, cursor: follow ? end : log.cursor } });
  }
  const record = log.records[log.cursor.index];
  if (key !== "enter" || record === undefined) return undefined;
  return step(
    opened(model, { kind: "info", title: "Record", secret: "", lines: recordDetails(record) }),
  );
}
