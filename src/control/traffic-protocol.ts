import type { TrafficTotal } from "../store/traffic.ts";

export type { TrafficTotal };

export interface TrafficMethods {
  /**
   * What was moved in the last so many days, as the audit trail has it: at most 100 users, those with
   * most first, or days, the latest first.
   */
  traffic: {
    params: {
      readonly by: "user" | "day";
      /** from 1 to 366; the day that goes on is one of them */
      readonly days: number;
      readonly user?: string;
    };
    result: readonly TrafficTotal[];
  };
}
