import { dateText } from "../../src/text/figures.ts";
import { banForm, call, opened, step } from "../dialogs.ts";
import { addressOf, type SecurityItem, securityItems } from "../lists.ts";
import type { Model, Step } from "../model.ts";

/** Keys of the Security view; undefined: not one of them. */
export function securityKey(model: Model, key: string): Step | undefined {
  const item = securityItems(model)[model.securityCursor.index];
  if (key === "b") return step(banForm(model, item === undefined ? "" : addressOf(item)));
  if (item === undefined) return undefined;
  switch (key) {
    case "x":
    case "delete":
      return item.kind === "failures" ? undefined : step(askLift(model, item));
    case "enter":
      return step(opened(model, { kind: "info", secret: "", ...details(item) }));
    default:
      return undefined;
  }
}

export function askLift(model: Model, item: SecurityItem): Model {
  const address = addressOf(item);
  const isBan = item.kind === "ban";
  return opened(model, {
    kind: "confirm",
    title: `Lift the ${isBan ? "ban" : "penalty"} of ${address}?`,
    text: "Logins from there are answered again at once.",
    action: "lift it",
    effect: isBan
      ? call("bans.lift", { address }, { notice: `${address} is not banned any more.` })
      : call("penalties.lift", { address }, { notice: `${address} may try again.` }),
  });
}

interface Details {
  readonly title: string;
  readonly lines: readonly (readonly [string, string])[];
}

function details(item: SecurityItem): Details {
  switch (item.kind) {
    case "ban": {
      const { network, reason, actor, since, until } = item.ban;
      const end = until === null ? "lifted" : dateText(until);
      const lines = [
        ["Address", network],
        ["Reason", reason],
        ["By", actor],
        ["Since", dateText(since)],
        ["Until", end],
      ] as const;
      return { title: "Ban", lines };
    }
    case "penalty": {
      const { address, reason, failures, lastUser, since, until } = item.penalty;
      const lines = [
        ["Address", address],
        ["Reason", reason],
        ["Failures", String(failures)],
        ["Last user", lastUser],
        ["Since", dateText(since)],
        ["Until", dateText(until)],
      ] as const;
      return { title: "Penalty", lines };
    }
    case "failures": {
      const { address, failures, lastAt, users } = item.failures;
      const lines = [
        ["Address", address],
        ["Failures", String(failures)],
        ["Last", dateText(lastAt)],
        ["Users tried", users.join(", ")],
      ] as const;
      return { title: "Failed logins", lines };
    }
  }
}
