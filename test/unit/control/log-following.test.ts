import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LocalControl } from "../../../src/control/local.ts";
import type { AuditRecord } from "../../../src/store/types.ts";
import { ControlDesk } from "./desk.ts";

const PATIENCE = { timeout: 20_000, interval: 20 };

let desk: ControlDesk;
let control: LocalControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("alice@203.0.113.5");
});

afterEach(async () => {
  control.close();
  await desk.close();
});

test("the log is followed by actor, address, path and groups, as its pages are asked for", async () => {
  const seen: (string | undefined)[][] = [];
  const filters = [
    { actor: "me" },
    { address: "192.0.2.0/24" },
    { path: "*.pdf" },
    { groups: ["security"] },
    { kinds: ["upload"] },
    {},
  ] as const;
  const firsts: unknown[] = [];
  filters.forEach((filter, at) => {
    const paths: (string | undefined)[] = [];
    seen.push(paths);
    control.subscribe("log", { ...filter, limit: 0 }, (records: readonly AuditRecord[]) => {
      if (firsts[at] === undefined) firsts[at] = records;
      else paths.push(...records.map(({ path, detail }) => path ?? detail));
    });
  });
  await vi.waitFor(() => expect(firsts).toEqual(filters.map(() => [])), PATIENCE);
  const { audit } = desk.store;
  audit.record({ kind: "upload", user: "ann", remote: "192.0.2.9:1", path: "/a.pdf" });
  audit.record({ kind: "upload", user: "ann", remote: "198.51.100.9:1", path: "/b.txt" });
  audit.record({ kind: "ban", actor: "me", detail: "banned" });
  await vi.waitFor(() => {
    expect(seen).toEqual([
      ["banned"],
      ["/a.pdf"],
      ["/a.pdf"],
      ["banned"],
      ["/a.pdf", "/b.txt"],
      ["/a.pdf", "/b.txt", "banned"],
    ]);
  }, PATIENCE);
});

test("attack: an address that is none is refused", () => {
  expect(() => control.subscribe("log", { address: "nowhere" }, () => {})).toThrow(
    /no address or network/,
  );
});

test("the overview has receivers that fail", async () => {
  expect(await control.call("overview", {})).toMatchObject({ failingReceivers: [] });
});
