import type { ByteString } from "../../vfs/path.ts";
import type { Command } from "../call.ts";
import { CommandError, UsageError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import type { ScpOptions } from "../scp/protocol.ts";
import { receive } from "../scp/sink.ts";
import { send } from "../scp/source.ts";

export const scp: Command = {
  name: "scp",
  summary: "the server's side of scp (scp -O starts it)",
  usage: `-t|-f [-dprv] PATH...
  -d  the target must be a directory
  -f  send files
  -p  keep permissions and times
  -r  with directories
  -t  receive files
  -v  say what is done`,
  async run(call) {
    const options = parseOptions(call.args, { short: "dfprtv", strict: true });
    const operands = options.operands;
    const how: ScpOptions = {
      recursive: options.has("r"),
      preserve: options.has("p"),
      directory: options.has("d"),
      verbose: options.has("v"),
    };
    if (options.has("t") === options.has("f")) throw new UsageError("one of -t and -f is needed");
    if (operands.length === 0) throw new UsageError("missing operand");
    if (options.has("f")) return send(call, operands, how);
    if (operands.length > 1) {
      await call.out.print("\x01scp: ambiguous target\n");
      throw new CommandError("ambiguous target");
    }
    return receive(call, operands[0] as ByteString, how);
  },
};
