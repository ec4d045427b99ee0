import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { refuser } from "../../../src/events/addresses.ts";
import type { Receiver } from "../../../src/events/types.ts";
import { receiver } from "./world.ts";

const refusal = (address: string, of: Receiver) => refuser(of)(address);

const https = receiver({ url: "https://example.com/" });

describe("attack: a receiver's name or URL leads into the machine or its network", () => {
  test.each([
    ["127.0.0.1", "this machine"],
    ["127.9.9.9", "this machine"],
    ["0.0.0.0", "this machine"],
    ["::1", "this machine"],
    ["::", "this machine"],
    ["::ffff:127.0.0.1", "this machine"],
    ["::ffff:7f00:1", "this machine"],
    ["0:0:0:0:0:ffff:7f00:0001", "this machine"],
    ["64:ff9b::7f00:1", "this machine"],
    ["64:ff9b::a9fe:a9fe", "an address of the link"],
    ["169.254.169.254", "an address of the link"],
    ["::ffff:169.254.169.254", "an address of the link"],
    ["fe80::1", "an address of the link"],
    ["fe80::1%eth0", "an address of the link"],
    ["10.1.2.3", "a private address"],
    ["172.31.0.1", "a private address"],
    ["192.168.1.1", "a private address"],
    ["100.100.100.200", "a private address"],
    ["fd00:ec2::254", "a private address"],
    ["::7f00:1", "a reserved address"],
    ["::ffff:0:7f00:1", "a reserved address"],
    ["2002:7f00:1::", "a reserved address"],
    ["2001:0:53aa:64c:0:0:80ff:fffe", "a reserved address"],
    ["224.0.0.1", "a reserved address"],
    ["255.255.255.255", "a reserved address"],
    ["ff02::1", "a reserved address"],
    ["192.0.2.1", "a reserved address"],
  ])("%s is %s", (address, what) => {
    expect(refusal(address, https)).toContain(`is ${what}, and not in \`allow\``);
  });

  test.each(["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "172.32.0.1"])(
    "%s is another machine of the internet",
    (address) => expect(refusal(address, https)).toBeUndefined(),
  );

  test("an address of one of the machine's interfaces is the machine", () => {
    for (const { address } of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
      expect(refusal(address, https)).toContain("not in `allow`");
    }
  });

  test("what is no address is none", () => {
    expect(refusal("localhost", https)).toBe('"localhost" is no address');
    expect(refusal("", https)).toBe('"" is no address');
  });

  test("allow is exact, in every notation", () => {
    const one = receiver({ url: "https://x/", allow: ["10.0.0.7", "fd00::/8"] });
    expect(refusal("10.0.0.7", one)).toBeUndefined();
    expect(refusal("::ffff:10.0.0.7", one)).toBeUndefined();
    expect(refusal("fd12::1", one)).toBeUndefined();
    expect(refusal("10.0.0.8", one)).toContain("a private address");
  });

  test("without TLS only what is allowed", () => {
    const one = receiver({ url: "http://x/", allow: ["10.0.0.7"] });
    expect(refusal("10.0.0.7", one)).toBeUndefined();
    expect(refusal("8.8.8.8", one)).toContain("use https");
  });
});
