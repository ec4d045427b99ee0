import { expect, test } from "vitest";
import { graceIn, STOP_GRACE_MS, stopOrder } from "../../../src/control/stop-order.ts";

const alone = { options: undefined };
const on = (machine: string) => ({ options: { machine, host: "h", leaseMs: 1 } });
const stop = (detail: string) => ({ kind: "stop", detail }) as const;

test("servers of the machine that is told to stop do, and no others", () => {
  const order = stop(stopOrder(1_500.4, on("boot/1")));
  expect(graceIn(order, on("boot/1"))).toBe(1_500);
  expect(graceIn(order, on("boot/2"))).toBeUndefined();
  expect(graceIn(order, alone)).toBeUndefined();
});

test("where one machine is alone an order is the time only, as before", () => {
  expect(stopOrder(0, alone)).toBe("0");
  expect(graceIn(stop("0"), alone)).toBe(0);
  expect(graceIn(stop(""), alone)).toBe(STOP_GRACE_MS);
  expect(graceIn({ kind: "reload", detail: "" }, alone)).toBeUndefined();
});
