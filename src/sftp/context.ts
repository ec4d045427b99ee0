import type { Digests } from "../digests/types.ts";
import type { ByteString } from "../vfs/path.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type { Handles } from "./handles.ts";
import type { Reader } from "./wire/reader.ts";

/** What every operation of one channel works with. */
export interface OperationContext {
  readonly fs: UserFileSystem;
  readonly handles: Handles;
  /** SYMLINK's arguments come as (link, target) from this client */
  readonly linkFirst: boolean;
  /** owner and group as READDIR's long names show them */
  readonly columns: ByteString;
  /** undefined: there is no check-file */
  readonly digests: Digests | undefined;
  /** aborted when the channel ends: for what takes long */
  readonly signal: AbortSignal;
  /** something goes on, though no request has arrived */
  onActivity(): void;
}

/** Does one request and resolves to its reply frame; what it throws becomes a STATUS. */
export type Operation = (context: OperationContext, id: number, request: Reader) => Promise<Buffer>;
