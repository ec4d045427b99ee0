import { Readable } from "node:stream";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ControlCalls } from "../src/control/calls.ts";
import { ControlError } from "../src/control/errors.ts";
import type { FromScreen, ScreenStart, ToScreen } from "../src/screens/messages.ts";
import { openAdmin } from "./main.ts";
import { ScreenOutput } from "./screen-output.ts";

// The thread that draws one admin's screen for a client of the server, so that nothing that goes
// wrong with it reaches another screen or the server.

type Post = (message: FromScreen) => void;

/** Draws the screen until it is closed; the server ends the thread. */
function run(port: MessagePort, start: ScreenStart): void {
  const post: Post = (message) => port.postMessage(message);
  const input = new Readable({ read() {} });
  const output = new ScreenOutput(start, post);
  // The server asks anew who is allowed what, at each call.
  const control = new ControlCalls((line) => post({ type: "control", line }));
  const listeners = new Set<() => void>();
  const resized = (): void => {
    for (const listener of listeners) listener();
  };
  output.onSkipped = resized;
  let shell: { resolve(): void; reject(error: Error): void } | undefined;

  const receive: { [K in ToScreen["type"]]: (message: ToScreen & { type: K }) => void } = {
    input({ data }) {
      input.push(Buffer.from(data));
      setImmediate(() => post({ type: "taken" }));
    },
    resize({ columns, rows }) {
      output.columns = columns;
      output.rows = rows;
      resized();
    },
    sent: ({ bytes }) => output.sent(bytes),
    control({ line }) {
      control.take(line);
      if ("event" in line) post({ type: "seen", id: line.id });
    },
    "shell-ended"({ error }) {
      if (error === undefined) shell?.resolve();
      else shell?.reject(new ControlError(error));
      shell = undefined;
    },
  };
  port.on("message", (message: ToScreen) => {
    (receive[message.type] as (message: ToScreen) => void)(message);
  });

  const screen = openAdmin({
    control,
    who: start.who,
    keyFiles: false,
    terminal: {
      input,
      output,
      term: start.term,
      colour: start.colour,
      size: () => ({ columns: output.columns, rows: output.rows }),
      onResize: (listener) => void listeners.add(listener),
    },
    async openShell(user) {
      await output.drained();
      await new Promise<void>((resolve, reject) => {
        shell = { resolve, reject };
        post({ type: "shell", user });
      });
    },
  });
  void screen.closed.then(() => output.drained()).then(() => post({ type: "closed" }));
}

if (parentPort !== null) run(parentPort, workerData as ScreenStart);
