import type { ProgramControl, PtySize, SessionChannel, Terminal } from "../channel.ts";
import { serveSftp } from "../sftp/session.ts";
import { type ServeOptions, type ShellService, serveCommand, serveShell } from "../shell/serve.ts";
import type { ByteString } from "../vfs/path.ts";
import type { Commands } from "./commands.ts";
import type { Session } from "./session.ts";

/** For who has to set up a second factor before all else. */
export const MUST_ENROL =
  "This account needs a second factor. Set it up with an authenticator program: log in with ssh in a terminal, without a command. Nothing else works before.";

const ENROL = "totp" as ByteString;

/** What a client asks to be started on a session channel (RFC 4254 section 6.5). */
export type ChannelRequest =
  | { readonly type: "subsystem"; readonly name: string }
  | { readonly type: "exec"; readonly command: ByteString; readonly pty?: PtySize | undefined }
  | { readonly type: "shell"; readonly pty?: Terminal | undefined };

/** Serves the channel from now on: sets its callbacks before it returns. */
export type Handler = (channel: SessionChannel) => ProgramControl | undefined;

/** What serves a request of a session; undefined when it is refused. */
export type Router = (session: Session, request: ChannelRequest) => Handler | undefined;

export interface RouterParts {
  /** read at each channel, so that it can change */
  readonly limits: { readonly handlesPerChannel: number };
  readonly commands: Commands;
  /** Serves a shell of an admin at a terminal. Absent: that is a file shell, as everybody's. */
  readonly adminShell?: (
    session: Session,
    channel: SessionChannel,
    terminal: Terminal,
  ) => ShellService;
}

/** Subsystems, commands and shells: everything that can be served on a channel is named here. */
export function makeRouter(parts: RouterParts): Router {
  return (session, request) => {
    if (session.mustEnrol) return enrolling(parts, session, request);
    switch (request.type) {
      case "subsystem":
        return request.name === "sftp" ? (channel) => sftp(parts, session, channel) : undefined;
      case "exec":
        return (channel) => {
          const { command, pty } = request;
          return keep(
            session,
            channel,
            serveCommand(channel, command, options(parts, session, pty)),
          );
        };
      case "shell":
        return (channel) => keep(session, channel, shell(parts, session, channel, request.pty));
    }
  };
}

/** Nothing that the client names is run, and no file is reached. */
function enrolling(parts: RouterParts, session: Session, request: ChannelRequest): Handler {
  const asked = request.type === "exec" ? request.command === ENROL : request.type === "shell";
  const pty = request.type === "subsystem" ? undefined : request.pty;
  return (channel) => {
    if (!asked || pty === undefined) return tellToEnrol(channel);
    return keep(session, channel, serveCommand(channel, ENROL, options(parts, session, pty)));
  };
}

function tellToEnrol(channel: SessionChannel): undefined {
  channel.onData = (data) => channel.consume(data.length);
  channel.writeError(Buffer.from(`${MUST_ENROL}\r\n`));
  channel.end(1);
}

function sftp({ limits }: RouterParts, session: Session, channel: SessionChannel): undefined {
  session.serve(
    serveSftp(channel, session.files, {
      maxHandles: limits.handlesPerChannel,
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
function shell(
  parts: RouterParts,
  session: Session,
  channel: SessionChannel,
  pty: Terminal | undefined,
): ShellService {
  const { adminShell } = parts;
  if (adminShell !== undefined && pty !== undefined && session.account.role === "admin") {
    return adminShell(session, channel, pty);
  }
  return serveShell(channel, options(parts, session, pty));
}

function options(
  { commands }: RouterParts,
  session: Session,
  pty: PtySize | undefined,
): ServeOptions {
  return {
    context: commands.contextOf(session),
    pty,
    onError: (text) => session.protocolError(`in a command: ${text}`),
  };
}

function keep(session: Session, channel: SessionChannel, service: ShellService): ShellService {
  session.serve(service, channel);
  return service;
}
