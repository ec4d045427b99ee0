import type { AccessMode } from "../../src/access/modes.ts";
import type {
  AccessView,
  CountingRule,
  FolderInfo,
  GroupInfo,
  Method,
  Params,
  Result,
} from "../../src/control/protocol.ts";
import { NO_LIMITS } from "../../src/store/login-limits.ts";
import { FAKE_NOW, type FakeControl, FakeError } from "./fake-control.ts";

/** Groups, folders and rules of a fake control, in memory. */
export class FakeTeam {
  readonly groups = new Map<string, GroupInfo>();
  readonly folders = new Map<string, FolderInfo>();
  /** of a user, or of a group with an "@" */
  readonly rules = new Map<string, readonly { path: string; access: AccessMode }[]>();
  readonly members = new Map<string, readonly string[]>();

  addGroup(name: string, by: Partial<GroupInfo> = {}): void {
    const none = { members: 0, shares: 0, rules: 0, hasQuota: false, quotaBytes: null };
    this.groups.set(name, { name, ...none, createdAt: FAKE_NOW, ...NO_LIMITS, ...by });
  }

  addFolder(name: string, by: Partial<FolderInfo> = {}): void {
    const none = { quotaBytes: 50e9, quotaFiles: null, usedBytes: 0, files: 0, shares: [] };
    this.folders.set(name, { name, ...none, trashKeep: null, createdAt: FAKE_NOW, ...by });
  }

  group(name: string): GroupInfo {
    const found = this.groups.get(name);
    if (found === undefined) throw new FakeError(`no group ${name}`);
    const shares = [...this.folders.values()].filter((one) =>
      one.shares.some(({ to }) => to === `@${name}`),
    );
    const members = this.members.get(name)?.length ?? 0;
    const rules = this.rules.get(`@${name}`)?.length ?? 0;
    return { ...found, members, shares: shares.length, rules };
  }

  folder(name: string): FolderInfo {
    const found = this.folders.get(name);
    if (found === undefined) throw new FakeError(`no folder ${name}`);
    return found;
  }

  groupList(): GroupInfo[] {
    return [...this.groups.keys()].sort().map((name) => this.group(name));
  }

  folderList(): FolderInfo[] {
    return [...this.folders.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  access(name: string): AccessView {
    const own = this.rules.get(name) ?? [];
    const groups = name.startsWith("@")
      ? []
      : [...this.members].flatMap(([group, users]) => (users.includes(name) ? [`@${group}`] : []));
    const counting = [name, ...groups].flatMap((of) => this.#counting(of));
    return { own, counting };
  }

  #counting(of: string): CountingRule[] {
    const isGroup = of.startsWith("@");
    const rules = (this.rules.get(of) ?? []).map((rule) => ({
      ...rule,
      source: isGroup ? ("group" as const) : ("user" as const),
      of,
      folder: null,
    }));
    const shares = this.folderList().flatMap((folder) =>
      folder.shares
        .filter(({ to }) => to === of)
        .map(({ at: path, access }) => ({
          ...{ path, access, of, folder: folder.name },
          source: isGroup ? ("group-share" as const) : ("share" as const),
        })),
    );
    return [...rules, ...shares];
  }
}

type Methods = { [M in Method]: (control: FakeControl, params: Params<M>) => Result<M> };

/** The methods of control that concern groups, folders and access. */
export const TEAM_METHODS: Partial<Methods> = {
  "groups.list": ({ team }) => team.groupList(),
  "groups.show": ({ team }, { name }) => {
    const group = team.group(name);
    const { shares, rules } = group;
    return { group, members: team.members.get(name) ?? [], shares, rules };
  },
  "groups.add": ({ team }, { name, quotaBytes, ...limits }) => {
    if (team.groups.has(name)) throw new FakeError(`group ${name} exists already`);
    team.addGroup(name, { ...limits, ...quotaOf(quotaBytes) });
    return team.group(name);
  },
  "groups.set": ({ team }, { name, quotaBytes, ...limits }) => {
    team.groups.set(name, { ...team.group(name), ...limits, ...quotaOf(quotaBytes) });
    return team.group(name);
  },
  "groups.remove": ({ team }, { name }) => {
    const { members, shares, rules } = team.group(name);
    team.groups.delete(name);
    return { members, shares, rules };
  },
  "groups.join": (control, { name, users }) => {
    const { team } = control;
    team.group(name);
    const before = team.members.get(name) ?? [];
    for (const user of users) control.user(user);
    const joined = users.filter((user) => !before.includes(user));
    team.members.set(name, [...before, ...joined].sort());
    for (const user of joined) {
      control.change(user, { groups: [...control.user(user).groups, name].sort() });
    }
    return { joined };
  },
  "groups.leave": (control, { name, users }) => {
    const { team } = control;
    team.group(name);
    const before = team.members.get(name) ?? [];
    const left = users.filter((user) => before.includes(user));
    team.members.set(
      name,
      before.filter((one) => !left.includes(one)),
    );
    for (const user of left) {
      control.change(user, { groups: control.user(user).groups.filter((one) => one !== name) });
    }
    return { left };
  },
  "folders.list": ({ team }) => team.folderList(),
  "folders.show": ({ team }, { name }) => team.folder(name),
  "folders.add": ({ team }, { name, ...limits }) => {
    if (team.folders.has(name)) throw new FakeError(`folder ${name} exists already`);
    team.addFolder(name, limits);
    return team.folder(name);
  },
  "folders.set": ({ team }, { name, ...limits }) => {
    team.folders.set(name, { ...team.folder(name), ...limits });
    return team.folder(name);
  },
  "folders.remove": ({ team }, { name, deleteFiles = false }) => {
    team.folder(name);
    team.folders.delete(name);
    return { filesDeleted: deleteFiles };
  },
  "folders.rescan": ({ team }, { name }) => team.folder(name),
  "folders.share": ({ team }, { name, to, at = `/${name}`, access }) => {
    const folder = team.folder(name);
    const others = folder.shares.filter((share) => share.to !== to);
    team.folders.set(name, { ...folder, shares: [...others, { to, at, access }] });
    return team.folder(name);
  },
  "folders.unshare": ({ team }, { name, to }) => {
    const folder = team.folder(name);
    const shares = folder.shares.filter((share) => share.to !== to);
    team.folders.set(name, { ...folder, shares });
    return team.folder(name);
  },
  "access.list": ({ team }, { name }) => team.access(name),
  "access.set": ({ team }, { name, path, access }) => {
    const others = (team.rules.get(name) ?? []).filter((rule) => rule.path !== path);
    team.rules.set(name, [...others, { path, access }]);
    return team.access(name);
  },
  "access.remove": ({ team }, { name, path }) => {
    const left = (team.rules.get(name) ?? []).filter((rule) => rule.path !== path);
    team.rules.set(name, left);
    return team.access(name);
  },
  "access.explain": ({ team }, { name, path }) => {
    const { counting } = team.access(name);
    const [first] = counting.filter((rule) => path.startsWith(rule.path));
    const others = counting.filter((rule) => rule !== first);
    if (first === undefined) return { path, access: "full", rulePath: null, rules: [], others };
    return { path, access: first.access, rulePath: first.path, rules: [first], others };
  },
};

function quotaOf(quota: number | null | "default" | undefined): Partial<GroupInfo> {
  if (quota === undefined) return {};
  if (quota === "default") return { hasQuota: false, quotaBytes: null };
  return { hasQuota: true, quotaBytes: quota };
}

/** Fills a control with two groups, three folders and some rules; user00002 has of everything. */
export function fillTeam(control: FakeControl): void {
  const { team } = control;
  team.addGroup("staff", { hasQuota: true, quotaBytes: 20e9, maxSessions: 4 });
  team.addGroup("students", {
    ...{ expiresAt: FAKE_NOW + 30 * 86_400_000, auth: ["key"] },
    from: ["192.0.2.0/24", "2001:db8::/32"],
  });
  team.members.set("staff", ["user00001", "user00002"]);
  team.members.set("students", ["user00002", "user00003"]);
  for (const [name, groups] of [
    ["user00001", ["staff"]],
    ["user00002", ["staff", "students"]],
    ["user00003", ["students"]],
  ] as const) {
    control.change(name, { groups });
  }
  const { effective } = control.user("user00002");
  control.change("user00002", {
    ...{ maxSessions: 2, quotaOwn: false, quotaGroups: ["staff"], quotaBytes: 20e9 },
    effective: {
      ...effective,
      ...{ maxSessions: 2, auth: ["key"], expiresAt: FAKE_NOW + 30 * 86_400_000 },
    },
    origins: { auth: ["students"], expiresAt: ["students"] },
  });
  team.addFolder("handed-in", {
    ...{ usedBytes: 49.5e9, files: 1_204 },
    shares: [
      { to: "@staff", at: "/handed-in", access: "full" },
      { to: "@students", at: "/hand-in", access: "drop" },
    ],
  });
  team.addFolder("projects", {
    ...{ usedBytes: 21e9, files: 381, quotaFiles: 10_000 },
    shares: [
      { to: "@staff", at: "/projects", access: "full" },
      { to: "user00002", at: "/work/projects", access: "add" },
    ],
  });
  team.addFolder("archive", { quotaBytes: null, usedBytes: 3e9, files: 12 });
  team.rules.set("user00002", [{ path: "/reports", access: "read" }]);
  team.rules.set("@students", [{ path: "/exams", access: "none" }]);
}
