import { startProxy } from "../support/proxy.ts";

// A long line as a process of its own: argv the server's port and the delay of each way in
// milliseconds. Prints the port to connect to.
const [port, delay] = process.argv.slice(2).map(Number);
const proxy = await startProxy({ target: () => port ?? 0, delayMs: delay ?? 0 });
process.stdout.write(`${proxy.port}\n`);
