import type { ReceiverInfo, TestResult } from "../../src/control/protocol.ts";
import { call, opened, step } from "../dialogs.ts";
import { spanText } from "../format.ts";
import type { Model, Step } from "../model.ts";
import type { PageItem } from "../page-parts.ts";
import { plural } from "../text.ts";
import { noticed } from "./views.ts";

/** How often an open page about receivers asks how they are doing, in milliseconds. */
const ASK_MS = 5_000;

/** Keys of the page; undefined: not one of them. */
export function receiversKey(
  model: Model,
  item: PageItem | undefined,
  key: string,
): Step | undefined {
  if (item?.kind !== "receiver") return undefined;
  const { name } = item.receiver;
  if (key === "t") {
    const trying = noticed(model, "done", `Sending a test to ${name} …`);
    return step(trying, call("events.test", { name }));
  }
  if (key !== "r") return undefined;
  const done = { notice: `What waits for ${name} is sent now.` };
  return step(model, call("events.retry", { name }, done));
}

/** What is known of the queue may be some seconds old: the server drops what is there by then. */
export function dropEvents(model: Model, { name, queued }: ReceiverInfo): Model {
  const what = queued === 0 ? "What waits by now" : plural(queued, "event");
  return opened(model, {
    kind: "confirm",
    title: `Drop what waits for ${name}?`,
    text: `${what} will never arrive there.`,
    action: "drop",
    effect: call("events.drop", { name }, { notice: `Nothing waits for ${name} any more.` }),
  });
}

export function tested(model: Model, name: string, { ok, text, durationMs }: TestResult): Model {
  const took = durationMs < 1000 ? `${durationMs} ms` : spanText(durationMs);
  return opened(
    { ...model, notice: null },
    {
      kind: "info",
      title: `Test of ${name}`,
      secret: "",
      lines: [
        ["Arrived", ok ? "yes" : "no"],
        ["Answer", text],
        ["Took", took],
      ],
    },
  );
}

/** Time went on: an open page asks again. */
export function receiversTick(before: number, model: Model): Step {
  const isDue = Math.floor(before / ASK_MS) !== Math.floor(model.now / ASK_MS);
  const isOpen = model.dialogs.at(-1)?.kind === "receivers";
  return step(model, ...(isDue && isOpen && model.link.up ? [call("events.list", {})] : []));
}
