#!/usr/bin/env node
// Stands in for ssh: leads a client's standard streams to the socket of a test (SCP_BRIDGE), the
// command first, and from there output, errors and the exit code in frames.
import { connect } from "node:net";

const command = Buffer.from(process.argv.at(-1) ?? "").toString("base64");
const socket = connect({ path: process.env.SCP_BRIDGE ?? "", allowHalfOpen: true });
socket.write(`${command}\n`);
process.stdin.pipe(socket);

let rest = Buffer.alloc(0);
socket.on("data", (data) => {
  rest = Buffer.concat([rest, data]);
  while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
    const end = 5 + rest.readUInt32BE(1);
    const frame = rest.subarray(5, end);
    if (rest[0] === 1) process.stdout.write(frame);
    else if (rest[0] === 2) process.stderr.write(frame);
    else process.exitCode = frame[0] ?? 255;
    rest = rest.subarray(end);
  }
});
socket.on("end", () => {
  process.stdin.destroy();
  socket.destroy();
});
