import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { machinesWorld } from "./world.ts";

const world = machinesWorld();

/** Makes a key and a certificate that it signs itself, for a name or address. */
function makeCertificate(name: string, subject: string): { key: string; certificate: string } {
  const path = (suffix: string): string => join(world.directory, `${name}.${suffix}`);
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1";
  const files = ["-keyout", path("key"), "-out", path("crt")];
  const names = ["-subj", "/CN=moorage", "-addext", `subjectAltName=${subject}`];
  execFileSync("openssl", [...request.split(" "), ...files, ...names], { stdio: "ignore" });
  return { key: path("key"), certificate: path("crt") };
}

/** What opening says, without the database being there. */
async function refusal(url: string, options = {}): Promise<string> {
  const opened = world.open(url, options);
  return await opened.then(
    () => "it was opened",
    (thrown: Error) => thrown.message,
  );
}

const GONE = "the database can't be reached";

describe("TLS", () => {
  let right: string;
  let wrong: string;
  beforeAll(() => {
    const { cluster } = world;
    const own = makeCertificate("own", "IP:127.0.0.1");
    right = own.certificate;
    wrong = makeCertificate("wrong", "IP:127.0.0.1").certificate;
    cluster.give("server.key", readFileSync(own.key, "utf8"));
    cluster.give("server.crt", readFileSync(own.certificate, "utf8"));
    for (const [name, file] of [
      ["cert", "server.crt"],
      ["key", "server.key"],
    ]) {
      cluster.sql("postgres", `ALTER SYSTEM SET ssl_${name}_file = '${cluster.directory}/${file}'`);
    }
    cluster.sql("postgres", "ALTER SYSTEM SET ssl = on");
    cluster.sql("postgres", "SELECT pg_reload_conf()");
  });

  const IS_ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

  it("is made with a certificate that is trusted and has the name", async () => {
    const url = world.cluster.createDatabase();
    const connection = await world.open(`${url}?sslmode=verify-full&sslrootcert=${right}`);
    expect(connection.prepare(IS_ENCRYPTED).pluck().get()).toBe(1);
  });

  it("is not made with another certificate, nor with that of another name", async () => {
    const url = world.cluster.createDatabase();
    const untrusted = `${GONE}: its certificate isn't trusted`;
    expect(await refusal(`${url}?sslmode=verify-full&sslrootcert=${wrong}`)).toBe(untrusted);
    expect(await refusal(`${url}?sslmode=verify-full`)).toBe(untrusted);
    const named = url.replace("127.0.0.1", "localhost");
    const full = `${named}?sslmode=verify-full&sslrootcert=${right}`;
    expect(await refusal(full)).toBe(untrusted);
    const chain = await world.open(full.replace("verify-full", "verify-ca"));
    expect(chain.prepare(IS_ENCRYPTED).pluck().get()).toBe(1);
    const encrypted = await world.open(`${url}?sslmode=require`);
    expect(encrypted.prepare(IS_ENCRYPTED).pluck().get()).toBe(1);
  });

  it("is left out on this machine, unless it is wanted", async () => {
    const connection = await world.open(world.cluster.createDatabase());
    expect(connection.prepare(IS_ENCRYPTED).pluck().get()).toBe(0);
  });
});

describe("the password", () => {
  it("comes from a file or the environment, and a wrong one is named as that", async () => {
    const { cluster } = world;
    const url = cluster.createDatabase().replace("moorage@", "secretive@");
    cluster.sql("postgres", "CREATE ROLE secretive LOGIN SUPERUSER PASSWORD 'right one'");
    cluster.admit("host all secretive 127.0.0.1/32 scram-sha-256");
    const passwordFile = join(world.directory, "password");
    writeFileSync(passwordFile, "right one\n");
    await world.open(url, { passwordFile });
    await world.open(url, { env: { PGPASSWORD: "right one" } });
    expect(await refusal(url.replace("@", ":wrong@"), { passwordFile })).toBe(
      `${GONE}: it refuses the user or the password`,
    );
    expect(await refusal(url)).toBe(`${GONE}: it wants a password, and none was given`);
  });
});

describe("the place", () => {
  it("may be the directory of a Unix socket", async () => {
    const { cluster } = world;
    const name = cluster.createDatabase().split("/").at(-1);
    const url = `postgres://moorage@/${name}?host=${cluster.directory}&port=${cluster.port}`;
    const connection = await world.open(`${url}&sslmode=require`);
    const address = connection.prepare("SELECT inet_server_addr()::text").pluck();
    expect(address.get()).toBeNull();
  });

  it("may be several, of which the first that can be written is taken", async () => {
    const url = world.cluster.createDatabase();
    await world.open(url.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1"));
    expect(await refusal(url.replace(/:\d+\//, ":1/"))).toBe(`${GONE}: nobody listens there`);
    expect(await refusal(url.replace(/\w+$/, "nothing"))).toBe(
      `${GONE}: there is no such database`,
    );
  });

  it("must be in UTF-8", async () => {
    const { cluster } = world;
    const template = "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    cluster.sql("postgres", `CREATE DATABASE other ${template}`);
    const url = cluster.createDatabase().replace(/\w+$/, "other");
    expect(await refusal(url)).toMatch("must be in UTF-8");
  });
});
