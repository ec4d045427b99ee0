import type { Group } from "../store/groups.ts";
import type { GroupInfo, GroupMethods } from "./group-protocol.ts";
import { GroupControl } from "./groups.ts";
import type { Caller } from "./methods.ts";

type Methods = {
  readonly [M in keyof GroupMethods]: (
    caller: Caller,
    params: GroupMethods[M]["params"],
  ) => Promise<GroupMethods[M]["result"]>;
};

/** The administrators' use-cases that concern groups. */
export const GROUP_METHODS: Methods = {
  "groups.list": async (caller) => (await groupsOf(caller).list()).map(groupInfo),
  "groups.show": async (caller, { name }) => {
    const { group, ...more } = await groupsOf(caller).show(name);
    return { group: groupInfo(group), ...more };
  },
  "groups.add": async (caller, { name, ...request }) =>
    changed(caller, groupInfo(await groupsOf(caller).add(name, request))),
  "groups.set": async (caller, { name, ...request }) =>
    changed(caller, groupInfo(await groupsOf(caller).set(name, request))),
  "groups.remove": async (caller, { name }) => {
    const removed = await groupsOf(caller).remove(name);
    // What was shared with it is shared with it no more.
    caller.service.feeds.folders.poke();
    return changed(caller, removed);
  },
  "groups.join": async (caller, { name, users }) =>
    changed(caller, { joined: await groupsOf(caller).join(name, users) }),
  "groups.leave": async (caller, { name, users }) =>
    changed(caller, { left: await groupsOf(caller).leave(name, users) }),
};

function groupsOf({ host, actor }: Caller): GroupControl {
  const { store, config } = host;
  return new GroupControl({
    store,
    actor,
    quota: config.quota,
    announced: () => host.applyChanges(),
  });
}

function changed<T>({ service }: Caller, result: T): T {
  service.feeds.users.poke();
  service.feeds.groups.poke();
  return result;
}

/** A group as control tells of it. */
export function groupInfo({ id, ...group }: Group): GroupInfo {
  return group;
}
