import type { AccessMode } from "../../src/access/modes.ts";

// What shares and rules mean, told once more in the plainest way: nothing of src/access is used here.

export interface Node {
  readonly kind: "file" | "directory" | "link";
  /** of a file, or where a link leads */
  text: string;
}

/** A home or a folder: what is in it, by path ("" is the top, else "a/b"). */
export type Ground = Map<string, Node>;

export interface ModelRule {
  readonly of: string;
  readonly path: string;
  readonly access: AccessMode;
}

export interface ModelShare {
  readonly folder: string;
  readonly to: string;
  readonly at: string;
  readonly access: AccessMode;
}

export type Right = "read" | "create" | "mkdir" | "change";

const MAY: Record<AccessMode, readonly Right[]> = {
  full: ["read", "create", "mkdir", "change"],
  add: ["read", "create", "mkdir"],
  read: ["read"],
  drop: ["create"],
  none: [],
};

export class Model {
  readonly grounds = new Map<string, Ground>();
  readonly members = new Map<string, Set<string>>();
  rules: ModelRule[] = [];
  shares: ModelShare[] = [];

  /** Folders in a user's tree, by path. Of one that comes twice, the user's own share counts. */
  mounts(user: string): Map<string, string> {
    return new Map(this.#sharesOf(user).map(({ at, folder }) => [at, folder]));
  }

  #sharesOf(user: string): ModelShare[] {
    const own = this.shares.filter(({ to }) => to === user);
    const others = this.shares.filter(
      ({ to, folder }) => this.#isIn(user, to) && !own.some((one) => one.folder === folder),
    );
    return [...own, ...others];
  }

  #isIn(user: string, group: string): boolean {
    return this.members.get(group)?.has(user) ?? false;
  }

  /** Every rule with how much it counts: the user's own most. */
  #weighed(user: string) {
    const rules = this.rules
      .filter(({ of }) => of === user || this.#isIn(user, of))
      .map(({ of, path, access }) => ({ path, access, weight: of === user ? 4 : 2 }));
    const shares = this.#sharesOf(user).map(({ to, at, access }) => ({
      path: at,
      access,
      weight: to === user ? 3 : 1,
    }));
    return [...rules, ...shares];
  }

  /** What may be done at a path of a user's tree. */
  may(user: string, path: string): Set<Right> {
    const all = this.#weighed(user).filter((rule) => isWithin(path, rule.path));
    if (all.length === 0) return new Set(MAY.full);
    const longest = Math.max(...all.map((rule) => rule.path.length));
    const there = all.filter((rule) => rule.path.length === longest);
    const most = Math.max(...there.map(({ weight }) => weight));
    const deciding = there.filter(({ weight }) => weight === most);
    const rights = deciding.flatMap(({ access }) => MAY[access]);
    // To read, and to put what is not read: that is to add.
    if (rights.includes("read") && rights.includes("create")) rights.push("mkdir");
    return new Set(rights);
  }

  /** Whether a name is shown: it may be read, or something at it or below is ruled to be used. */
  sees(user: string, path: string): boolean {
    if (this.may(user, path).has("read")) return true;
    return this.#weighed(user).some(
      (rule) => isWithin(rule.path, path) && this.may(user, rule.path).size > 0,
    );
  }

  /** Whether rules or folders hang on a name. */
  isFixed(user: string, path: string): boolean {
    return this.#weighed(user).some((rule) => isWithin(rule.path, path));
  }
}

/** Whether one path is the other or below it: both begin with a slash; "/" is all. */
export function isWithin(path: string, top: string): boolean {
  return top === "/" || path === top || path.startsWith(`${top}/`);
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function childrenOf(ground: Ground, directory: string): string[] {
  return [...ground.keys()]
    .filter((path) => path !== "" && parentOf(path) === directory)
    .map((path) => path.slice(directory === "" ? 0 : directory.length + 1));
}

export interface Spot {
  /** of the home or folder */
  readonly ground: string;
  /** where that is in the tree: by two groups one folder can be in it twice */
  readonly mount: string;
  /** in it */
  readonly inner: string;
  /** in the user's tree */
  readonly path: string;
  /** the name that was asked for */
  readonly asked: string;
  readonly isHidden: boolean;
  readonly node: Node | undefined;
}

/** What a session uploaded where it may not change anything, by path. */
export type Own = Map<string, { readonly name: string; readonly node: Node }>;

/** Where a path leads for a user; undefined: nowhere. */
export function locate(
  model: Model,
  user: string,
  own: Own,
  path: string,
  follow: boolean,
): Spot | undefined {
  const mounts = model.mounts(user);
  const groundAt = (at: string) => {
    const mount = [...mounts.keys()].find((one) => isWithin(at, one));
    const ground = mount === undefined ? user : (mounts.get(mount) as string);
    const inner = mount === undefined ? at.slice(1) : at.slice(mount.length + 1);
    const node = model.grounds.get(ground)?.get(inner);
    return { ground, mount: mount ?? "/", inner, node };
  };
  const rest = path.split("/").filter((name) => name !== "");
  let at = "";
  let bound: string | undefined;
  const arrive = (spot: Spot): Spot | undefined =>
    bound !== undefined && bound !== spot.mount ? undefined : spot;
  for (let steps = 0; steps < 200; steps += 1) {
    const name = rest.shift();
    if (name === undefined) {
      const here = at === "" ? "/" : at;
      return arrive({ ...groundAt(here), path: here, asked: "", isHidden: false });
    }
    if (name === "..") {
      at = parentOf(at);
      continue;
    }
    const next = `${at}/${name}`;
    const isLast = rest.length === 0;
    if (!model.sees(user, next)) {
      return isLast ? arrive(behindVeil(own, next, name, groundAt)) : undefined;
    }
    const found = groundAt(next);
    const isMount = mounts.has(next);
    if (!isMount && found.node?.kind === "link" && (!isLast || follow)) {
      const holder = groundAt(at === "" ? "/" : at).mount;
      if (holder !== "/") bound ??= holder;
      rest.unshift(...found.node.text.split("/").filter((part) => part !== ""));
      if (found.node.text.startsWith("/")) at = "";
      continue;
    }
    if (isLast) return arrive({ ...found, path: next, asked: name, isHidden: false });
    if (found.node?.kind !== "directory") return undefined;
    at = next;
  }
  return undefined;
}

function behindVeil(
  own: Own,
  path: string,
  name: string,
  groundAt: (at: string) => Pick<Spot, "ground" | "mount" | "inner" | "node">,
): Spot {
  const upload = own.get(path);
  const real = upload && `${parentOf(path)}/${upload.name}`;
  if (real !== undefined && groundAt(real).node === upload?.node) {
    return { ...groundAt(real), path: real, asked: name, isHidden: false };
  }
  return { ...groundAt(path), node: undefined, path, asked: name, isHidden: true };
}
