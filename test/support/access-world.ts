import { readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import type { AccessMode } from "../../src/access/modes.ts";
import { ControlError } from "../../src/control/errors.ts";
import { GroupControl } from "../../src/control/groups.ts";
import type { Account } from "../../src/store/types.ts";
import { fromText } from "../../src/vfs/path.ts";
import type { OpenFile, UserFileSystem } from "../../src/vfs/types.ts";
import {
  childrenOf,
  isWithin,
  locate,
  Model,
  type Node,
  type Own,
  parentOf,
  type Right,
  type Spot,
} from "./access-model.ts";
import { onDisk } from "./instance.ts";
import { code, HOW, names, type Team } from "./team.ts";

export const USERS = ["ann", "bob"] as const;
export const SUBJECTS = ["ann", "bob", "@one", "@all"] as const;
export const FOLDERS = ["f", "g"] as const;
/** Bytes that one folder may have; the other and homes have no limit. */
const QUOTA = 60;
const LIMITED = "@f";
const PARTIAL = /\.part$/;

interface Handle {
  readonly file: OpenFile;
  readonly node: Node;
  readonly ground: string;
  readonly at: string;
  readonly made: boolean;
  readonly writes: boolean;
  path: string;
}

interface Session {
  readonly user: string;
  readonly fs: UserFileSystem;
  readonly own: Own;
  handle: Handle | undefined;
}

export type FileStep = {
  readonly kind:
    | "put"
    | "make"
    | "fresh"
    | "write"
    | "get"
    | "list"
    | "stat"
    | "mkdir"
    | "rmdir"
    | "remove"
    | "rename"
    | "replace"
    | "symlink"
    | "hardlink"
    | "readlink"
    | "resize"
    | "chmod"
    | "open"
    | "hold"
    | "use";
  readonly session: number;
  readonly path: string;
  readonly to: string;
  readonly text: string;
};

export type AdminStep = {
  readonly kind: "rule" | "unrule" | "share" | "unshare" | "relogin" | "member";
  readonly subject: (typeof SUBJECTS)[number];
  readonly folder: (typeof FOLDERS)[number];
  readonly path: string;
  readonly access: AccessMode;
  readonly session: number;
};

export type Step = FileStep | AdminStep;

/** What a step comes to by the model: whether it is done, and how the model is changed then. */
type Outcome = { readonly ok: boolean; readonly after?: () => void };

const NO: Outcome = { ok: false };

function becomes(node: Node, text: string): Outcome {
  const after = (): void => {
    node.text = text;
  };
  return { ok: true, after };
}

/** Users, groups and folders of a team, and beside them a model that says what everything comes to. */
export class AccessWorld {
  readonly model = new Model();
  readonly #teams: readonly Team[];
  readonly #tag: string;
  readonly #sessions: Session[] = [];
  readonly #accounts = new Map<string, Account>();
  readonly #groups: GroupControl;

  constructor(teams: readonly Team[], tag: string) {
    this.#teams = teams;
    this.#tag = tag;
    this.#groups = new GroupControl({
      store: this.#team.instance.store,
      actor: "test",
      quota: { default: null },
      announced: () => this.#announce(),
    });
  }

  get #team(): Team {
    return this.#teams[0] as Team;
  }

  /** Names of other rounds are other names. */
  #real(name: string): string {
    return `${name}${this.#tag}`;
  }

  async #announce(): Promise<void> {
    for (const team of this.#teams) await team.reload();
  }

  async begin(): Promise<void> {
    for (const name of USERS) {
      this.#accounts.set(name, await this.#team.user(this.#real(name)));
      this.model.grounds.set(name, new Map([["", { kind: "directory", text: "" }]]));
    }
    for (const name of FOLDERS) {
      await this.#team.folder(this.#real(name), `@${name}` === LIMITED ? QUOTA : null);
      this.model.grounds.set(`@${name}`, new Map([["", { kind: "directory", text: "" }]]));
    }
    for (const name of ["one", "all"]) await this.#groups.add(this.#real(name));
    this.model.members.set("@one", new Set(["ann"]));
    this.model.members.set("@all", new Set(USERS));
    await this.#groups.join(this.#real("one"), [this.#real("ann")]);
    await this.#groups.join(
      this.#real("all"),
      USERS.map((name) => this.#real(name)),
    );
    // Two of ann's, in two processes as it were.
    for (const [i, user] of ["ann", "bob", "ann"].entries()) await this.#login(i, user);
  }

  async #login(index: number, user: string): Promise<void> {
    const team = this.#teams[index % this.#teams.length] as Team;
    const fs = await team.session(this.#accounts.get(user) as Account);
    this.#sessions[index] = { user, fs, own: new Map(), handle: undefined };
    this.#grow();
  }

  /** @returns of an operation, its kind and whether it was let through */
  async run(step: Step): Promise<string | undefined> {
    if (isAdmin(step)) {
      await this.#administer(step);
      return undefined;
    }
    const session = this.#sessions[step.session] as Session;
    const { ok, after } = this.#expected(session, step);
    const before = this.#listed(session, step);
    const got = await code(this.#act(session, step));
    expect({ step, ok: got === "ok", got }).toEqual({ step, ok, got });
    if (
      !ok &&
      !["rename", "replace", "hardlink"].includes(step.kind) &&
      this.#spot(session, step.path, false)?.isHidden
    ) {
      expect(["ENOENT", "EACCES", "EBADF", "EINVAL"]).toContain(got);
    }
    after?.();
    this.#adopt(before);
    return `${step.kind} ${ok ? "ok" : "no"}`;
  }

  // --- administration

  async #administer(step: AdminStep): Promise<void> {
    try {
      await this.#change(step);
    } catch (thrown) {
      if (!(thrown instanceof ControlError)) throw thrown;
      return;
    }
    this.#changed(step);
    await this.#announce();
    this.#grow();
    for (const session of this.#sessions) this.#relocate(session);
  }

  async #change({ kind, subject, folder, path, access, session }: AdminStep): Promise<void> {
    const { folders, access: rules } = this.#team;
    const [who, what] = [this.#real(subject), this.#real(folder)];
    if (kind === "rule") return rules.set(who, path, access);
    if (kind === "unrule") return rules.remove(who, path);
    if (kind === "share") return void (await folders.share(what, { to: who, at: path, access }));
    if (kind === "unshare") return void (await folders.unshare(what, who));
    if (kind === "member") {
      const has = this.model.members.get("@one")?.has("bob");
      const [group, user] = [this.#real("one"), [this.#real("bob")]];
      return void (await (has ? this.#groups.leave(group, user) : this.#groups.join(group, user)));
    }
    const { fs, user } = this.#sessions[session] as Session;
    await fs.close();
    await this.#login(session, user);
  }

  #changed({ kind, subject, folder, path, access }: AdminStep): void {
    const { model } = this;
    const at = path === "/" ? path : path.replace(/\/$/, "");
    if (kind === "rule" || kind === "unrule") {
      model.rules = model.rules.filter((rule) => rule.of !== subject || rule.path !== at);
      if (kind === "rule") model.rules.push({ of: subject, path: at, access });
    }
    if (kind === "share" || kind === "unshare") {
      const name = `@${folder}`;
      model.shares = model.shares.filter((one) => one.folder !== name || one.to !== subject);
      if (kind === "share") model.shares.push({ folder: name, to: subject, at, access });
    }
    if (kind !== "member") return;
    const members = model.members.get("@one") as Set<string>;
    if (!members.delete("bob")) members.add("bob");
  }

  /** The way to a folder is made in the home of who has a session. */
  #grow(): void {
    for (const { user } of this.#sessions.filter((one) => one !== undefined)) {
      const ground = this.model.grounds.get(user) as Map<string, Node>;
      for (const at of this.model.mounts(user).keys()) {
        for (let up = parentOf(at); up !== ""; up = parentOf(up)) {
          const inner = up.slice(1);
          if (!ground.has(inner)) ground.set(inner, { kind: "directory", text: "" });
        }
      }
    }
  }

  #relocate(session: Session): void {
    const { handle, user } = session;
    if (handle === undefined) return;
    if (this.#isGone(user, handle)) {
      session.handle = undefined;
      return;
    }
    const found = [...(this.model.grounds.get(handle.ground) ?? [])].filter(
      ([, node]) => node === handle.node,
    );
    const [[inner] = [""]] = found;
    if (found.length === 1 && this.model.isFixed(user, "/")) {
      handle.path = `${handle.at === "/" ? "" : handle.at}/${inner}`;
    }
  }

  #isGone(user: string, { ground, at }: Handle): boolean {
    return at !== "/" && this.model.mounts(user).get(at) !== ground;
  }

  // --- files: what the model says

  #spot({ user, own }: Session, path: string, follow: boolean): Spot | undefined {
    return locate(this.model, user, own, path, follow);
  }

  #expected(session: Session, step: FileStep): Outcome {
    const { kind, path } = step;
    const { model } = this;
    const { user } = session;
    if (kind === "put" || kind === "make" || kind === "fresh" || kind === "write") {
      return this.#writes(session, step);
    }
    if (kind === "rename" || kind === "replace") return this.#moves(session, step);
    if (kind === "hardlink") return this.#links(session, step);
    if (kind === "use" || kind === "hold" || kind === "open") return this.#handles(session, step);
    const follows = ["get", "list", "stat", "resize", "chmod"].includes(kind);
    const spot = this.#spot(session, path, follows);
    if (spot === undefined) return NO;
    const { node, isHidden } = spot;
    const may = model.may(user, spot.path);
    const ground = model.grounds.get(spot.ground) as Map<string, Node>;
    const isFree = node === undefined && !isHidden && parentIsDirectory(ground, spot);
    const isOwnPart = PARTIAL.test(nameOf(spot.path)) && this.#isOwn(session, spot);
    switch (kind) {
      case "get":
        return { ok: node?.kind === "file" && may.has("read") };
      case "list":
        return { ok: node?.kind === "directory" };
      case "stat":
        return { ok: node !== undefined };
      case "readlink":
        return { ok: node?.kind === "link" };
      case "mkdir":
        if (!may.has("mkdir") || !isFree) return NO;
        return { ok: true, after: () => ground.set(spot.inner, { kind: "directory", text: "" }) };
      case "symlink":
        if (!may.has("change") || !isFree) return NO;
        return { ok: true, after: () => ground.set(spot.inner, { kind: "link", text: step.to }) };
      case "rmdir":
        if (node?.kind !== "directory" || !may.has("change") || spot.asked === "") return NO;
        if (model.isFixed(user, spot.path) || childrenOf(ground, spot.inner).length > 0) return NO;
        return { ok: true, after: () => ground.delete(spot.inner) };
      case "remove":
        if (node === undefined || node.kind === "directory") return NO;
        if (model.isFixed(user, spot.path) || !(may.has("change") || isOwnPart)) return NO;
        return { ok: true, after: () => ground.delete(spot.inner) };
      case "chmod":
        return { ok: node?.kind === "file" && (may.has("change") || this.#isOwn(session, spot)) };
      default:
        return this.#resizes(session, spot, step, may);
    }
  }

  #isOwn({ own }: Session, spot: Spot): boolean {
    return spot.node !== undefined && own.get(spot.path)?.node === spot.node;
  }

  /** A whole upload of one's own, where nothing is read: as taken as anything. */
  #isAgain(session: Session, spot: Spot): boolean {
    const may = this.model.may(session.user, spot.path);
    return !may.has("read") && may.has("create") && this.#isOwn(session, spot);
  }

  #writes(session: Session, { kind, path, text }: FileStep): Outcome {
    const spot = this.#spot(session, path, kind !== "fresh");
    if (spot === undefined) return NO;
    const { node } = spot;
    const may = this.model.may(session.user, spot.path);
    const makes = kind !== "write";
    const isPart = PARTIAL.test(nameOf(spot.path));
    const truncates = kind === "put";
    const anew = kind === "fresh" || (truncates && node?.text !== "" && !isPart);
    if (makes && node?.kind === "file" && anew && this.#isAgain(session, spot)) {
      return this.#made(session, { ...spot, node: undefined, isHidden: true }, text);
    }
    if (node === undefined) {
      if (!makes || !may.has("create")) return NO;
      const ground = this.model.grounds.get(spot.ground) as Map<string, Node>;
      return spot.isHidden || parentIsDirectory(ground, spot)
        ? this.#made(session, spot, text)
        : NO;
    }
    if (node.kind !== "file" || kind === "fresh") return NO;
    const goesOn = may.has("create") && this.#isOwn(session, spot) && !(truncates && anew);
    if (!may.has("change") && !goesOn) return NO;
    const before = truncates ? "" : node.text;
    const after = text + before.slice(text.length);
    return this.#fits(spot.ground, after.length - node.text.length)
      ? becomes(node, after)
      : { ...becomes(node, before), ok: false };
  }

  /** Where a taken name must not show, `#adopt` finds what name it got. */
  #made(session: Session, spot: Spot, text: string): Outcome {
    const fits = this.#fits(spot.ground, text.length);
    const node: Node = { kind: "file", text: fits ? text : "" };
    const after = (): void => {
      const ground = this.model.grounds.get(spot.ground) as Map<string, Node>;
      const inner = innerOf(spot, spot.isHidden ? spot.asked : nameOf(spot.path));
      const name = ground.has(inner) ? undefined : inner;
      this.#pending = { session, spot, node, ...(name === undefined ? {} : { name }) };
    };
    return { ok: fits, after };
  }

  #pending: { session: Session; spot: Spot; node: Node; name?: string; from?: string } | undefined;

  #listed(session: Session, { path, to, kind }: FileStep): Set<string> {
    const target = kind === "rename" || kind === "replace" ? to : path;
    const spot = this.#spot(session, target, kind !== "fresh" && target === path);
    return new Set(spot === undefined ? [] : this.#namesOnDisk(spot));
  }

  #namesOnDisk(spot: Spot): string[] {
    try {
      return readdirSync(`${this.#disk(spot.ground)}/${parentOf(spot.inner)}`);
    } catch {
      return [];
    }
  }

  #disk(ground: string): string {
    return this.#team.instance.path(this.#real(ground));
  }

  /** A new file takes its place in the model, under the name that it got. */
  #adopt(before: Set<string>): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    const { session, spot, node, from } = pending;
    const ground = this.model.grounds.get(spot.ground) as Map<string, Node>;
    const fresh = this.#namesOnDisk(spot).filter((name) => !before.has(name));
    expect(fresh).toHaveLength(1);
    const inner = pending.name ?? innerOf(spot, fresh[0] as string);
    expect(nameOf(inner)).toBe(fresh[0]);
    ground.set(inner, node);
    const path = `${parentOf(spot.path)}/${nameOf(inner)}`;
    const asked = spot.asked === "" ? path : `${parentOf(spot.path)}/${spot.asked}`;
    const upload = { name: nameOf(inner), node };
    const isOwn = from === undefined || session.own.get(from)?.node === node;
    if (from !== undefined && isOwn) session.own.delete(from);
    if (!isOwn || this.model.may(session.user, path).has("change")) return;
    session.own.set(asked, upload);
    session.own.set(path, upload);
  }

  #fits(ground: string, growth: number): boolean {
    if (ground !== LIMITED || growth <= 0) return true;
    return this.#sums(ground).bytes + growth <= QUOTA;
  }

  #resizes(session: Session, spot: Spot, { text }: FileStep, may: Set<Right>): Outcome {
    const { node } = spot;
    if (node?.kind !== "file") return NO;
    const goesOn = may.has("create") && this.#isOwn(session, spot);
    if (!may.has("change") && !goesOn) return NO;
    const after = node.text.slice(0, text.length).padEnd(text.length, "\0");
    if (!this.#fits(spot.ground, after.length - node.text.length)) return NO;
    return becomes(node, after);
  }

  #links(session: Session, { path, to }: FileStep): Outcome {
    const { model } = this;
    const source = this.#spot(session, path, false);
    const target = this.#spot(session, to, false);
    if (source?.node === undefined || target === undefined) return NO;
    const ground = model.grounds.get(target.ground) as Map<string, Node>;
    const both = [source, target].every((one) => model.may(session.user, one.path).has("change"));
    const isFree = target.node === undefined && parentIsDirectory(ground, target);
    if (!both || !isFree || source.node.kind === "directory") return NO;
    if (source.mount !== target.mount) return NO;
    const { node } = source;
    return { ok: true, after: () => ground.set(target.inner, node) };
  }

  #moves(session: Session, { kind, path, to }: FileStep): Outcome {
    const { model } = this;
    const { user } = session;
    const source = this.#spot(session, path, false);
    const found = this.#spot(session, to, false);
    if (source?.node === undefined || source.isHidden || found === undefined) return NO;
    const { node } = source;
    const again = found.node?.kind === "file" && this.#isAgain(session, found);
    const target: Spot = again ? { ...found, node: undefined, isHidden: true } : found;
    const [here, there] = [model.may(user, source.path), model.may(user, target.path)];
    const isPart = PARTIAL.test(nameOf(source.path)) && this.#isOwn(session, source);
    const inPlace = parentOf(source.path) === parentOf(target.path);
    if (!here.has("change") && !(isPart && inPlace)) return NO;
    if (model.isFixed(user, source.path) || model.isFixed(user, target.path)) return NO;
    if (!there.has("create") || (target.node !== undefined && !there.has("change"))) return NO;
    if (node.kind === "directory" && !there.has("mkdir")) return NO;
    if (node.kind === "link" && !there.has("change")) return NO;
    if (source.mount !== target.mount || source.asked === "" || found.asked === "") return NO;
    const ground = model.grounds.get(source.ground) as Map<string, Node>;
    if (!target.isHidden && !parentIsDirectory(ground, target)) return NO;
    const replaced = target.node;
    if (replaced !== undefined && kind === "rename") return NO;
    if (replaced === node) return { ok: true };
    if (target.inner.startsWith(`${source.inner}/`)) return NO;
    if (source.inner.startsWith(`${target.inner}/`)) return NO;
    if (replaced !== undefined) {
      const isDirectory = replaced.kind === "directory";
      if (isDirectory !== (node.kind === "directory")) return NO;
      if (isDirectory && childrenOf(ground, target.inner).length > 0) return NO;
    }
    const after = (): void => {
      const asked = innerOf(target, target.isHidden ? target.asked : nameOf(target.path));
      if (target.isHidden) {
        const name = ground.has(asked) ? undefined : asked;
        ground.delete(source.inner);
        this.#pending = {
          session,
          spot: target,
          node,
          from: source.path,
          ...(name === undefined ? {} : { name }),
        };
        return;
      }
      carry(ground, source.inner, target.inner);
      if (session.own.get(source.path) === undefined) return;
      const isOwn = session.own.get(source.path)?.node === node;
      session.own.delete(source.path);
      if (!isOwn || there.has("change")) return;
      session.own.set(target.path, { name: nameOf(target.path), node });
    };
    return { ok: true, after };
  }

  #handles(session: Session, { kind, path, text }: FileStep): Outcome {
    const { model } = this;
    const { user, handle } = session;
    if (kind !== "use") {
      const spot = this.#spot(session, path, true);
      // Of the one with a quota nothing stays open: how much is free would depend on it.
      if (spot?.node?.kind !== "file" || handle !== undefined || spot.ground === LIMITED) return NO;
      const may = model.may(user, spot.path);
      const goesOn = may.has("create") && this.#isOwn(session, spot);
      if (kind === "open") return { ok: may.has("read") };
      return { ok: may.has("change") || goesOn };
    }
    if (handle === undefined) return NO;
    const may = model.may(user, handle.path);
    if (!handle.writes) return { ok: may.has("read") };
    if (!may.has("change") && !(handle.made && may.has("create"))) return NO;
    const { node } = handle;
    const after = text + node.text.slice(text.length);
    if (!this.#fits(handle.ground, after.length - node.text.length)) return NO;
    return becomes(node, after);
  }

  // --- files: what is done

  async #act(session: Session, step: FileStep): Promise<unknown> {
    const { fs } = session;
    const [path, to] = [fromText(step.path), fromText(step.to)];
    switch (step.kind) {
      case "put":
      case "make":
      case "fresh":
      case "write":
        return written(await fs.open(path, HOW[step.kind]), step.text);
      case "get":
        return this.#reads(session, step);
      case "list":
        return this.#lists(session, step);
      case "stat":
        return this.#stats(session, step);
      case "mkdir":
        return fs.makeDirectory(path);
      case "rmdir":
        return fs.removeDirectory(path);
      case "remove":
        return fs.remove(path);
      case "rename":
      case "replace":
        return fs.rename(path, to, step.kind === "replace");
      case "symlink":
        return fs.symlink(to, path);
      case "hardlink":
        return fs.hardLink(path, to);
      case "readlink":
        return fs.readLink(path);
      case "resize":
        return fs.setStat(path, { size: step.text.length }, true);
      case "chmod":
        return this.#chmods(session, step);
      case "open":
      case "hold":
        return this.#opens(session, step);
      case "use":
        return this.#uses(session, step);
    }
  }

  /** Of files only: a directory's would close it for all that follows. */
  async #chmods(session: Session, { path }: FileStep): Promise<void> {
    if (this.#spot(session, path, true)?.node?.kind === "directory") {
      throw Object.assign(new Error("not asked"), { code: "EACCES" });
    }
    await session.fs.setStat(fromText(path), { permissions: 0o600 }, true);
  }

  async #reads(session: Session, { path }: FileStep): Promise<void> {
    const file = await session.fs.open(fromText(path), HOW.read);
    try {
      expect(await content(file)).toBe(this.#spot(session, path, true)?.node?.text);
    } finally {
      await file.close();
    }
  }

  async #lists(session: Session, { path }: FileStep): Promise<void> {
    const found = await names(session.fs, path);
    const spot = this.#spot(session, path, true) as Spot;
    const ground = this.model.grounds.get(spot.ground) as Map<string, Node>;
    const top = spot.path === "/" ? "" : spot.path;
    const mounts = [...this.model.mounts(session.user).keys()]
      .filter((at) => parentOf(at) === top)
      .map(nameOf);
    const there = [...childrenOf(ground, spot.inner), ...mounts];
    const shown = there.filter((name) => this.model.sees(session.user, `${top}/${name}`));
    expect({ path, found }).toEqual({ path, found: [...new Set(shown)].sort() });
  }

  async #stats({ fs, ...session }: Session, { path }: FileStep): Promise<void> {
    const { mode, size } = await fs.stat(fromText(path));
    const node = this.#spot({ fs, ...session }, path, true)?.node;
    expect({ path, isDirectory: (mode & 0o040000) !== 0 }).toEqual({
      path,
      isDirectory: node?.kind === "directory",
    });
    if (node?.kind === "file") expect(size).toBe(node.text.length);
  }

  async #opens(session: Session, step: FileStep): Promise<void> {
    if (session.handle !== undefined) throw Object.assign(new Error("one is"), { code: "EBADF" });
    const writes = step.kind === "hold";
    const spot = this.#spot(session, step.path, true);
    if (spot?.ground === LIMITED) throw Object.assign(new Error("not asked"), { code: "EBADF" });
    const file = await session.fs.open(fromText(step.path), writes ? HOW.write : HOW.read);
    const { node, ground, path } = spot as Spot & { node: Node };
    const mounts = [...this.model.mounts(session.user).keys()];
    const at = mounts.find((one) => isWithin(path, one)) ?? "/";
    const made = this.#isOwn(session, spot as Spot);
    session.handle = { file, node, ground, at, made, writes, path };
  }

  /** Closes it now and then, whatever came of it. */
  async #uses(session: Session, { text, path }: FileStep): Promise<void> {
    const { handle } = session;
    if (handle === undefined) throw Object.assign(new Error("none is"), { code: "EBADF" });
    try {
      if (handle.writes) await handle.file.write([Buffer.from(text)], text.length, 0);
      else expect(await content(handle.file)).toBe(handle.node.text);
    } finally {
      if (path.endsWith("a")) {
        session.handle = undefined;
        await handle.file.close();
      }
    }
  }

  // --- sums

  #sums(ground: string): { bytes: number; files: number } {
    const tree = this.model.grounds.get(ground) as Map<string, Node>;
    const held = this.#sessions.flatMap(({ handle }) =>
      handle?.ground === ground ? [handle.node] : [],
    );
    const nodes = new Set([...tree.values(), ...held].filter(({ kind }) => kind === "file"));
    const bytes = [...nodes].reduce((sum, { text }) => sum + text.length, 0);
    return { bytes, files: tree.size - 1 };
  }

  /** The books say of each home and folder what the model has. */
  async check(): Promise<void> {
    const { store } = this.#team.instance;
    const found: Record<string, unknown> = {};
    const wanted: Record<string, unknown> = {};
    for (const ground of this.model.grounds.keys()) {
      const row = ground.startsWith("@")
        ? await store.folders.byName(this.#real(ground))
        : await store.users.byName(this.#real(ground));
      await store.leases.exact(row?.id ?? 0);
      const { usedBytes: bytes, usedFiles: files } = await store.ledger.usage(row?.id ?? 0);
      const sums = this.#sums(ground);
      // What is open keeps its charge until it is closed, also when it gets shorter.
      const isOpen = this.#sessions.some(({ handle }) => handle?.ground === ground);
      found[ground] = { bytes: isOpen ? Math.min(bytes, sums.bytes) : bytes, files };
      wanted[ground] = sums;
      if (ground === LIMITED) expect(bytes).toBeLessThanOrEqual(QUOTA);
    }
    expect(found).toEqual(wanted);
  }

  /** Leaves nothing open, and no groups: there may be so many of them only. */
  async clear(): Promise<void> {
    for (const { fs } of this.#sessions) await fs.close();
    for (const name of ["one", "all"]) await this.#groups.remove(this.#real(name));
  }

  /** All is closed: the disk has what the model has, byte by byte. */
  async end(): Promise<void> {
    for (const session of this.#sessions) {
      await session.fs.close();
      session.handle = undefined;
    }
    await this.check();
    for (const [ground, tree] of this.model.grounds) {
      const sums = this.#sums(ground);
      expect({ ground, ...onDisk(this.#disk(ground)) }).toEqual({ ground, ...sums });
      for (const [inner, node] of tree) {
        if (node.kind !== "file") continue;
        expect(readFileSync(`${this.#disk(ground)}/${inner}`, "utf8")).toBe(node.text);
      }
    }
  }
}

function isAdmin(step: Step): step is AdminStep {
  return "access" in step;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Another name in the spot's directory. */
function innerOf({ inner }: Spot, name: string): string {
  const directory = parentOf(inner);
  return directory === "" ? name : `${directory}/${name}`;
}

function parentIsDirectory(ground: Map<string, Node>, { inner, asked }: Spot): boolean {
  return asked !== "" && ground.get(parentOf(inner))?.kind === "directory";
}

/** Moves what is at a path, and below. */
function carry(ground: Map<string, Node>, from: string, to: string): void {
  ground.delete(to);
  for (const [path, node] of [...ground]) {
    if (path !== from && !path.startsWith(`${from}/`)) continue;
    ground.delete(path);
    ground.set(to + path.slice(from.length), node);
  }
}

async function written(file: OpenFile, text: string): Promise<void> {
  try {
    if (text.length > 0) await file.write([Buffer.from(text)], text.length, 0);
  } finally {
    await file.close();
  }
}

async function content(file: OpenFile): Promise<string> {
  const buffer = Buffer.alloc(100);
  return buffer.toString("utf8", 0, await file.read(buffer, 0, 100, 0));
}
