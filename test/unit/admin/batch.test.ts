import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type AdminScreen, openAdmin } from "../../../admin/main.ts";
import type { Method, Params, Result } from "../../../src/control/protocol.ts";
import { FakeControl } from "../../support/fake-control.ts";
import { FakeTerminal } from "../../support/screen.ts";

const UNTIL = { timeout: 60_000, interval: 5 };

vi.setConfig({ testTimeout: 180_000 });

/** Disables nobody before it is let. */
class HeldControl extends FakeControl {
  go: () => void = () => {};
  readonly #held = new Promise<void>((resolve) => {
    this.go = resolve;
  });

  override async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    if (method === "users.disable") await this.#held;
    return super.call(method, params);
  }
}

let control: HeldControl;
let terminal: FakeTerminal;
let screen: AdminScreen;

beforeEach(async () => {
  control = new HeldControl({ users: 20 });
  terminal = new FakeTerminal();
  screen = openAdmin({ control, terminal, who: "admin" });
  terminal.press("2");
  await seen("20 users");
  terminal.press("   ");
  await seen("marked 3");
  terminal.press("d");
  await seen("Disable or enable 3 users");
});

afterEach(() => screen.close());

async function seen(text: string | RegExp): Promise<void> {
  await vi.waitFor(() => expect(terminal.screen.text).toMatch(text), UNTIL);
}

const disabled = () =>
  [...control.users.values()].filter(({ enabled }) => !enabled).map(({ name }) => name);

it("several calls go one after the other, and one that fails keeps no other from it", async () => {
  control.users.delete("user00001");
  terminal.press("\r");
  await seen("Disabling 3 users");
  control.go();
  await seen("2 of 3 done, 1 failed");
  await seen("user00001: there is no user user00001");
  expect(disabled()).toEqual(["user00000", "user00002", "user00005"]);
  terminal.press("\r");
  await vi.waitFor(() => expect(terminal.screen.text).not.toContain("failed"), UNTIL);
});

it("Esc leaves what has not begun", async () => {
  terminal.press("\r");
  await seen("Disabling 3 users");
  terminal.press("\u001b");
  await seen("stopping");
  control.go();
  await seen("1 of 3 done, 2 left as they were");
  expect(disabled()).toEqual(["user00000", "user00005"]);
});
