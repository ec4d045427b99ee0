import { afterAll, beforeAll, expect, test } from "vitest";
import { FactorKey } from "../../src/auth/factor-key.ts";
import { Factors } from "../../src/auth/factors.ts";
import { FactorControl } from "../../src/control/factors.ts";
import { codeAt } from "../support/authenticator-app.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type CommandResult, command, OPENSSH_OPTIONS } from "../support/ssh-client.ts";

// Clients that can't be asked for a code, or answer every question with the password that they have.

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    config: { login: { totpInPassword: true }, penalties: { exempt: ["127.0.0.0/8"] } },
  });
});

afterAll(() => server.stop());

async function enroll(name: string): Promise<string> {
  const { store, root, config } = server;
  const key = new FactorKey(root, store.factors);
  const factors = new Factors({ store, key, settings: config.login });
  const control = new FactorControl({ store, factors, actor: "test", host: "harbour" });
  const factor = await control.begin(name);
  await factor.accept(null);
  return factor.secret;
}

type Listing = (user: string, password: string) => Promise<CommandResult>;

const curl: Listing = (user, password) =>
  command("curl", ["-sS", "-k", "-u", `${user}:${password}`, `sftp://127.0.0.1:${server.port}/`]);

const rclone: Listing = async (user, password) => {
  const obscured = (await command("rclone", ["obscure", password])).stdout.trim();
  const place = `:sftp,host=127.0.0.1,port=${server.port},user=${user},pass=${obscured}:`;
  const once = ["--retries", "1", "--low-level-retries", "1", "--config", "/dev/null"];
  return command("rclone", ["lsf", place, ...once]);
};

const lftp: Listing = (user, password) => {
  const ssh = ["ssh", "-a", "-x", ...OPENSSH_OPTIONS, "-o PubkeyAuthentication=no"].join(" ");
  const settings = `set net:max-retries 1; set sftp:connect-program '${ssh}'`;
  const open = `open -u ${user},${password} sftp://127.0.0.1:${server.port}`;
  return command("lftp", ["--norc", "-c", `${settings}; ${open}; cls -1 /`]);
};

test.each([
  ["curl", curl],
  ["rclone", rclone],
  ["lftp", lftp],
] as const)("%s has the code behind the password", async (name, list) => {
  const user = `user-${name}`;
  await server.addUser({ name: user, password: "horse" });
  const secret = await enroll(user);
  expect((await list(user, `horse+${codeAt(secret)}`)).code).toBe(0);
  const [login] = await server.store.audit.query({ user, kind: "login" });
  expect(login?.detail).toMatch(/and a code/);
});

// lftp waits at a question that it doesn't know until its own time is over.
test.each([
  ["curl", curl],
  ["rclone", rclone],
] as const)("%s with the password alone is refused", async (name, list) => {
  const user = `alone-${name}`;
  await server.addUser({ name: user, password: "horse" });
  await enroll(user);
  expect((await list(user, "horse")).code).not.toBe(0);
});
