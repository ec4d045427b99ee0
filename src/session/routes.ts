import { serveSftp } from "../sftp/session.ts";
import type { ByteChannel } from "./channel.ts";
import type { Session } from "./session.ts";

/** A ByteChannel with the second stream that commands have. */
export interface SessionChannel extends ByteChannel {
  /** A short message for the client's standard error. */
  writeError(data: Buffer): void;
}

/** What a client asks to be started on a session channel (RFC 4254 section 6.5). */
export type ChannelRequest =
  | { readonly type: "subsystem"; readonly name: string }
  | { readonly type: "exec"; readonly command: string }
  | { readonly type: "shell" };

/** Serves the channel from now on: sets its callbacks before it returns. */
export type Handler = (channel: SessionChannel) => void;

const SFTP_ONLY = Buffer.from("This server offers file transfer (SFTP) only.\r\n");

/** What serves the request; undefined when it is refused. A shell and its commands plug in here. */
export function route(session: Session, request: ChannelRequest): Handler | undefined {
  switch (request.type) {
    case "subsystem":
      return request.name === "sftp" ? (channel) => sftp(session, channel) : undefined;
    case "exec":
    case "shell":
      return refuseCommand;
  }
}

function sftp(session: Session, channel: SessionChannel): void {
  session.serve(
    serveSftp(channel, session.files, {
      maxHandles: session.limits.handlesPerChannel,
      clientIdent: session.client,
      digests: session.digests,
      turn: session.turn,
      onActivity: () => session.touch(),
      onError: (text) => session.protocolError(text),
    }),
    channel,
  );
}

function refuseCommand(channel: SessionChannel): void {
  channel.onData = (chunk) => channel.consume(chunk.length);
  channel.writeError(SFTP_ONLY);
  channel.end(1);
}
