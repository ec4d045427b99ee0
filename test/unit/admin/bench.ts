import {
  type CallsEffect,
  initialModel,
  type Message,
  type Model,
  VIEW_KEYS,
  VIEWS,
  type ViewName,
} from "../../../admin/model.ts";
import { update } from "../../../admin/update.ts";
import { draw } from "../../../admin/views/screen.ts";
import { wanted } from "../../../admin/wanted.ts";
import { FAKE_NOW, type FakeControl } from "../../support/fake-control.ts";

/** A model for tests; effects are collected, subscriptions answered by a fake control. */
export class Bench {
  model: Model;
  readonly effects: unknown[] = [];

  constructor({ columns = 80, rows = 24, keyFiles = true, shell = true, from = "" } = {}) {
    const who = "admin@192.0.2.1";
    this.model = initialModel({ columns, rows, now: FAKE_NOW, who, keyFiles, shell, from });
  }

  send(...messages: readonly Message[]): this {
    for (const message of messages) {
      const { model, effects } = update(this.model, message);
      this.model = model;
      this.effects.push(...effects);
    }
    return this;
  }

  keys(...keys: readonly string[]): this {
    return this.send(...keys.map((key) => ({ type: "key", key }) as const));
  }

  /** Types text, one key a character. */
  type(text: string): this {
    return this.keys(...text);
  }

  view(view: ViewName): this {
    return this.keys(VIEW_KEYS[VIEWS.indexOf(view)] ?? "");
  }

  /** Answers what is subscribed to now, once. */
  feed(control: FakeControl): this {
    for (const one of wanted(this.model)) {
      const event = fakeEvent(control, one);
      if (event !== undefined) {
        const { topic, params } = one;
        this.send({ type: "data", topic, params, event, first: true } as Message);
      }
    }
    return this;
  }

  /** Has control do what was asked for, and sends the answers. */
  async settle(control: FakeControl): Promise<this> {
    for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift()) {
      const call = effect as { kind: string; method: never; params: never; dialog: number };
      if (call.kind === "calls") await this.#batch(effect as CallsEffect, control);
      if (call.kind !== "call") continue;
      try {
        const result = await control.call(call.method, call.params);
        this.send({ ...call, type: "result", result } as unknown as Message);
      } catch (thrown) {
        const { message } = thrown as Error;
        this.send({ type: "failed", dialog: call.dialog, message });
      }
    }
    return this;
  }

  /** As the runtime does it, until the model says that it stops. */
  async #batch({ calls, dialog }: CallsEffect, control: FakeControl): Promise<void> {
    for (const call of calls) {
      const stops = this.effects.some((one) => (one as { kind: string }).kind === "stop-calls");
      if (stops) break;
      const { method, params } = call.call;
      const why = await control.call(method, params as never).then(
        () => null,
        (thrown: Error) => thrown.message,
      );
      this.send({ type: "call-done", dialog, call, why });
    }
    this.send({ type: "calls-ended", dialog });
  }

  get text(): string {
    return draw(this.model).toText();
  }

  /** the last effect, taken out */
  effect(): unknown {
    return this.effects.pop();
  }
}

function fakeEvent(control: FakeControl, one: ReturnType<typeof wanted>[number]): unknown {
  switch (one.topic) {
    case "overview":
      return control.overview();
    case "users":
      return control.page(one.params);
    case "groups":
      return control.team.groupList();
    case "folders":
      return control.team.folderList();
    case "sessions":
      return control.sessions;
    case "log":
      return control.log(one.params);
    case "security":
      return control.securityState;
    default:
      return undefined;
  }
}
