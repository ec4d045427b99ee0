import type { SessionInfo, TransferView } from "../../src/control/protocol.ts";
import { addressIn } from "../../src/text/remote.ts";
import { banForm, call, opened, step } from "../dialogs.ts";
import type { Model, Step } from "../model.ts";
import { sessionPage, userPage } from "../pages.ts";

/** Keys for a session, and for its transfer where that is selected. */
export function sessionKey(
  model: Model,
  session: SessionInfo,
  transfer: TransferView | undefined,
  key: string,
): Step | undefined {
  switch (key) {
    case "enter":
      return sessionPage(model, session);
    case "u":
      return userPage(model, session.user, null);
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

export function askKick(model: Model, { id, user, remote }: SessionInfo, disable: boolean): Model {
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

export function askEnd(
  model: Model,
  { id: session, user }: SessionInfo,
  transfer: TransferView,
): Model {
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
