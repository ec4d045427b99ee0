import { parseDuration, UnitError } from "../../src/text/units.ts";
import { call, changed, closedDialog, form, opened, step, text } from "../dialogs.ts";
import { spanText } from "../format.ts";
import { canRenew } from "../here.ts";
import type { CallEffect, FormDialog, Model, Step } from "../model.ts";
import { receiversPage, totalsPage } from "../pages.ts";
import { plural } from "../text.ts";
import { value } from "./form-values.ts";
import { noticed } from "./views.ts";

/** Stopping the server, and new workers for it: asked for by a form, and once more before it is done. */

export function overviewKey(model: Model, key: string): Step | undefined {
  if (key === "t") return totalsPage(model, "");
  if (key === "E") return receiversPage(model);
  if (key === "S") return step(stopForm(model));
  if (key !== "R") return undefined;
  return step(canRenew(model) ? renewForm(model) : noticed(model, "error", NO_WORKERS));
}

const NO_WORKERS = "Nothing to replace from here: use `moorage restart` on the server's machine.";

function stopForm(model: Model): Model {
  return form(model, {
    form: "server-stop",
    title: "Stop the server",
    user: "",
    text: "No new session is let in. It can only be started again on its own machine.",
    action: "go on",
    fields: [text("time", "Transfers", "30s", "may go on for so long: 30s, 5m")],
  });
}

function renewForm(model: Model): Model {
  return form(model, {
    form: "server-renew",
    title: "Restart the workers",
    user: "",
    text: "New ones take all new connections, with the program and settings as they are now.",
    action: "go on",
    fields: [text("time", "Old sessions", "10m", "may go on for so long: 10m, 2h")],
  });
}

/** The form is filled in: asks once more. */
export function serverAsked(model: Model, dialog: FormDialog): Step {
  const ms = parseTime(value(dialog, "time"));
  if (typeof ms === "string") return step(changed(model, dialog, { error: ms }));
  const next = closedDialog(model, dialog.id);
  return step(dialog.form === "server-stop" ? askStop(next, ms) : askRenew(next, ms));
}

/** @returns milliseconds, or what is wrong */
function parseTime(typed: string): number | string {
  try {
    const ms = parseDuration(typed);
    return ms <= 86_400_000 ? ms : "the time is more than a day";
  } catch (thrown) {
    if (!(thrown instanceof UnitError)) throw thrown;
    return `the time is ${thrown.message}`;
  }
}

function askStop(model: Model, graceMs: number): Model {
  const open = plural(model.overview?.sessions.active ?? 0, "open session");
  const text = `${open} and this screen over SSH end; transfers have ${spanText(graceMs)}.`;
  const effect = call("stop", { graceMs }, { notice: "The server is stopping." });
  return asks(model, "Really stop the server?", text, "stop it", effect);
}

function askRenew(model: Model, drainMs: number): Model {
  const text = `Sessions of the old workers are cut after ${spanText(drainMs)}.`;
  const effect = call("renew", { drainMs }, { notice: "New workers serve." });
  return asks(model, "Really restart the workers?", text, "restart", effect);
}

function asks(model: Model, title: string, text: string, action: string, effect: CallEffect) {
  return opened(model, { kind: "confirm", title, text, action, effect });
}
