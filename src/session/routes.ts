import { serveSftp } from "../sftp/session.ts";
import { type ServeOptions, type ShellService, serveCommand, serveShell } from "../shell/serve.ts";
import type { ByteString } from "../vfs/path.ts";
import type { Terminal } from "./admin.ts";
import type { ByteChannel } from "./channel.ts";
import type { Session } from "./session.ts";

/** A ByteChannel with the second stream that commands have. */
export interface SessionChannel extends ByteChannel {
  /** Text for the client's standard error, in order with write(); counts in `queuedBytes`. */
  writeError(data: Buffer): void;
}

/** What a client asks to be started on a session channel (RFC 4254 section 6.5). */
export type ChannelRequest =
  | { readonly type: "subsystem"; readonly name: string }
  | { readonly type: "exec"; readonly command: ByteString; readonly pty?: PtySize | undefined }
  | { readonly type: "shell"; readonly pty?: Terminal | undefined };

/** The size of a client's terminal, in characters; 0 for what it doesn't know. */
export interface PtySize {
  readonly columns: number;
  readonly rows: number;
}

/** What the client may say later of what it started. */
export type Started = Pick<ShellService, "resize" | "signal">;

/** Serves the channel from now on: sets its callbacks before it returns. */
export type Handler = (channel: SessionChannel) => Started | undefined;

/** What serves the request; undefined when it is refused. A shell and its commands plug in here. */
export function route(session: Session, request: ChannelRequest): Handler | undefined {
  switch (request.type) {
    case "subsystem":
      return request.name === "sftp" ? (channel) => sftp(session, channel) : undefined;
    case "exec":
      return (channel) =>
        keep(
          session,
          channel,
          serveCommand(channel, request.command, options(session, request.pty)),
        );
    case "shell":
      return (channel) => keep(session, channel, shell(session, channel, request.pty));
  }
}

function sftp(session: Session, channel: SessionChannel): undefined {
  session.serve(
    serveSftp(channel, session.files, {
      maxHandles: session.limits.handlesPerChannel,
      clientIdent: session.client,
      digests: session.digests,
      turn: session.turn,
      memory: session.memory,
      onActivity: () => session.touch(),
      onError: (text) => session.protocolError(text),
    }),
    channel,
  );
}

/** A role counts from the login on; taken away, it counts no more at once. */
function shell(session: Session, channel: SessionChannel, pty: Terminal | undefined): ShellService {
  const { admin } = session.commands;
  if (admin !== undefined && pty !== undefined && session.account.role === "admin") {
    return admin.serve(session, channel, pty);
  }
  return serveShell(channel, options(session, pty));
}

function options(session: Session, pty: PtySize | undefined): ServeOptions {
  return {
    context: session.commands.contextOf(session),
    pty,
    onError: (text) => session.protocolError(`in a command: ${text}`),
  };
}

function keep(session: Session, channel: SessionChannel, service: ShellService): ShellService {
  session.serve(service, channel);
  return service;
}
