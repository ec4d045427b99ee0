import { fromText } from "../vfs/path.ts";
import type { OperationContext } from "./context.ts";
import { ALONG_OFFERED } from "./extensions/check-file.ts";
import { advertised } from "./extensions/table.ts";
import { CHECK_ALONG, PacketType, VERSION } from "./wire/constants.ts";
import { Writer } from "./wire/writer.ts";

/**
 * The VERSION that answers an INIT (section 4): 3 whatever the client says, as OpenSSH's server
 * does. A client that speaks less decides for itself; one that asks again gets it again.
 * @param frame the whole frame, length included
 * @returns undefined when it isn't an INIT
 */
export function greet(frame: Buffer, context: OperationContext): Buffer | undefined {
  if (frame.length < 9 || frame[4] !== PacketType.INIT) return undefined;
  const writer = new Writer(PacketType.VERSION, 512).u32(VERSION);
  for (const { name, version } of advertised(context))
    writer.bytes(fromText(name)).bytes(fromText(version));
  if (context.digests !== undefined) {
    writer.bytes(fromText(CHECK_ALONG)).bytes(fromText(ALONG_OFFERED.join(",")));
  }
  return writer.finish();
}
