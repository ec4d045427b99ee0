import { expect, test } from "vitest";
import { type FileState, isSettled } from "../../../src/digests/state.ts";

const at = (ctimeNs: bigint): FileState => ({ inode: "i", state: `5:1:${ctimeNs}`, size: 5 });
const NOW_MS = 1_700_000_000_000;
const NOW_NS = 1_700_000_000_000_000_000n;

test.each([
  [0n, false],
  [4_000_000n, false],
  [999_999_999n, false],
  [1_000_000_001n, true],
  [60_000_000_001n, true],
  // The clock was set back: nothing can be told.
  [-5_000_000_001n, false],
  // A file system that counts whole seconds.
  [1_000_000_000n, false],
  [2_000_000_000n, false],
  [3_000_000_000n, true],
])("a change %i ns ago: settled %s", (ago, settled) => {
  expect(isSettled(at(NOW_NS - ago), NOW_MS)).toBe(settled);
});
