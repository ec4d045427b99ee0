import { describe, expect, test } from "vitest";
import { MAX_HEADER, ProxyHeaderError, readHeader } from "../../../src/transport/proxy-header.ts";
import { Mutations } from "../../support/mutations.ts";

const SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

/** @param family as in the header; @param added addresses and what follows */
function binary(command: number, family: number, added: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(added.length);
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, added]);
}

const ports = Buffer.from([0x1f, 0x90, 0x08, 0xae]);
const four = Buffer.concat([Buffer.from([192, 0, 2, 7, 198, 51, 100, 1]), ports]);
const six = Buffer.concat([
  Buffer.from("20010db8000000000000000000000001", "hex"),
  Buffer.from("20010db8000000000000000000000002", "hex"),
  ports,
]);
const ident = Buffer.from("SSH-2.0-client\r\n");
const line = (text: string): Buffer => Buffer.from(`${text}\r\n`);

const V1_4 = line("PROXY TCP4 192.0.2.7 198.51.100.1 8080 2222");
const V1_6 = line("PROXY TCP6 2001:db8::1 2001:db8::2 8080 2222");

describe("names the client", () => {
  test.each([
    ["version 1, IPv4", V1_4, "192.0.2.7"],
    ["version 1, IPv6", V1_6, "2001:db8::1"],
    ["version 2, IPv4", binary(0x21, 0x11, four), "192.0.2.7"],
    ["version 2, IPv6", binary(0x21, 0x21, six), "2001:db8::1"],
    [
      "version 2 with more",
      binary(0x21, 0x11, Buffer.concat([four, Buffer.alloc(40)])),
      "192.0.2.7",
    ],
  ])("%s, whatever follows", (_what, header, address) => {
    const client = { address, port: 8080 };
    const found = { length: header.length, client };
    expect(readHeader(header)).toEqual(found);
    expect(readHeader(Buffer.concat([header, ident]))).toEqual(found);
    for (let length = 0; length < header.length; length += 1)
      expect(readHeader(header.subarray(0, length))).toBeUndefined();
  });

  test.each([
    ["a proxy that doesn't know", line("PROXY UNKNOWN")],
    ["a proxy that doesn't know, with addresses", line("PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2")],
    ["a health check of version 2", binary(0x20, 0x00, Buffer.alloc(0))],
    ["a socket of another kind", binary(0x21, 0x31, Buffer.alloc(216))],
  ])("not where it is %s", (_what, header) => {
    expect(readHeader(header)).toEqual({ length: header.length, client: undefined });
  });
});

test.each([
  ["a client without a header", ident],
  ["another protocol", line("GET / HTTP/1.1")],
  ["a line without an end", Buffer.from(`PROXY TCP4 ${"1".repeat(200)}`)],
  ["an address of the other family", line("PROXY TCP4 2001:db8::1 2001:db8::2 1 2")],
  ["a name for an address", line("PROXY TCP4 localhost 192.0.2.1 1 2")],
  ["a port that is none", line("PROXY TCP4 192.0.2.7 192.0.2.1 65536 2")],
  ["a port with a sign", line("PROXY TCP4 192.0.2.7 192.0.2.1 +1 2")],
  ["more than there should be", line("PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3")],
  ["another family", line("PROXY UDP4 192.0.2.7 192.0.2.1 1 2")],
  ["version 3", binary(0x31, 0x11, four)],
  ["another command", binary(0x22, 0x11, four)],
  ["addresses that are not whole", binary(0x21, 0x11, four.subarray(0, 11))],
  ["more than any proxy adds", binary(0x21, 0x11, Buffer.alloc(MAX_HEADER))],
])("attack: %s is refused", (_what, data) => {
  expect(() => readHeader(data)).toThrow(ProxyHeaderError);
});

test("whatever bytes come: a header, more is needed, or the one error", () => {
  const samples = [V1_4, V1_6, binary(0x21, 0x11, four), binary(0x21, 0x21, six), ident];
  const mutations = new Mutations(samples, 3);
  for (let run = 0; run < Number(process.env.FUZZ_RUNS ?? 4_000); run += 1) {
    const data = mutations.next();
    try {
      const found = readHeader(data);
      if (found !== undefined) expect(found.length).toBeLessThanOrEqual(data.length);
      else expect(data.length).toBeLessThan(MAX_HEADER);
    } catch (thrown) {
      expect(thrown, data.toString("hex")).toBeInstanceOf(ProxyHeaderError);
    }
  }
});
