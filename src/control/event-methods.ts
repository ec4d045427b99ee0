import type { EventMethods } from "./event-protocol.ts";
import { EventControl } from "./events.ts";
import type { Caller } from "./methods.ts";

type Methods = {
  readonly [M in keyof EventMethods]: (
    caller: Caller,
    params: EventMethods[M]["params"],
  ) => Promise<EventMethods[M]["result"]>;
};

/** The administrators' use-cases that concern events. */
export const EVENT_METHODS: Methods = {
  "events.list": (caller) => eventsOf(caller).list(),
  "events.test": (caller, { name }) => eventsOf(caller).test(name),
  "events.retry": async (caller, { name }) => {
    await eventsOf(caller).retry(name);
    return null;
  },
  "events.drop": async (caller, { name }) => ({ dropped: await eventsOf(caller).drop(name) }),
};

function eventsOf({ host, actor }: Caller): EventControl {
  const { store, root, config } = host;
  const { receivers } = config.events;
  return new EventControl({ store, root, receivers, env: process.env, actor });
}
