import type { Control } from "../src/control/protocol.ts";

/** A terminal somebody sits at: the process's own, or one at the other end of an SSH channel. */
export interface AdminTerminal {
  /** raw bytes of keys */
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream & { columns?: number; rows?: number };
  /** what TERM says: "xterm-256color"; never trusted */
  readonly term: string;
  /** false: NO_COLOR */
  readonly colour: boolean;
  size(): { columns: number; rows: number };
  onResize(listener: () => void): void;
}

export interface AdminOptions {
  readonly control: Control;
  /** asked again and again when the server went away; absent: the screen ends then */
  readonly reconnect?: () => Promise<Control>;
  readonly terminal: AdminTerminal;
  /** shown in the title */
  readonly who: string;
  /** opens the file shell of that account in this terminal; resolves when it is left */
  readonly openShell?: (user: string) => Promise<void>;
  /** public keys may be read from files of this machine; false over SSH: they aren't the admin's */
  readonly keyFiles?: boolean;
  /** the address that the terminal is used from over SSH, where the server doesn't know it itself */
  readonly from?: string;
}

export interface AdminScreen {
  /** resolves once the terminal is as it was; never rejects */
  readonly closed: Promise<void>;
  /** Ends the screen: gives the terminal back and frees everything. */
  close(): void;
}
