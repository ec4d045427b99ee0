import type { Control, Subscription, Topic } from "../src/control/protocol.ts";
import type { Message, Wanted } from "./model.ts";

/** Keeps the subscriptions as the model wants them. */
export class Subscriptions {
  readonly #open = new Map<string, Subscription>();
  readonly #send: (message: Message) => void;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  follow(control: Control, wanted: readonly Wanted[]): void {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, subscription] of this.#open) {
      if (keys.has(key)) continue;
      this.#open.delete(key);
      subscription.close();
    }
    for (const one of wanted) if (!this.#open.has(one.key)) this.#subscribe(control, one);
  }

  close(): void {
    for (const subscription of this.#open.values()) subscription.close();
    this.#open.clear();
  }

  #subscribe(control: Control, { key, topic, params }: Wanted): void {
    let first = true;
    let mine: Subscription | undefined;
    const onEvent = (event: unknown) => {
      // Events that were under way when the subscription ended are of no use any more.
      if (mine !== undefined && this.#open.get(key) !== mine) return;
      this.#send({ type: "data", topic, params, event, first } as Message);
      first = false;
    };
    // What was refused stays here: it would be refused again.
    const onEnd = (why: string) => this.#send({ type: "failed", dialog: 0, message: why });
    mine = control.subscribe(topic as Topic, params as never, onEvent, onEnd);
    this.#open.set(key, mine);
  }
}
