import { expect, test } from "vitest";
import { ALL_FAMILIES } from "../../../src/metrics/families.ts";
import { metricsText } from "../../../src/metrics/text.ts";
import { BUCKETS } from "../../../src/tally.ts";
import { seriesIn } from "../../support/metrics.ts";

const NOTHING = { totals: {}, levels: {}, lookedUp: {} };

test("each family has its help and type once, and names as Prometheus wants them", async () => {
  const text = await metricsText(NOTHING);
  const types = text.split("\n").filter((line) => line.startsWith("# TYPE "));
  expect(new Set(types).size).toBe(types.length);
  for (const { name, type, help } of ALL_FAMILIES) {
    expect(name).toMatch(/^moorage_[a-z_]+[a-z]$/);
    expect(name.endsWith("_total")).toBe(type === "counter");
    expect(name).not.toMatch(/_(ms|milliseconds|kib|percent)\b/);
    expect(help).toMatch(/^[A-Z].*\.$/s);
  }
  for (const line of text.split("\n")) {
    expect(line).toMatch(
      /^(|# (HELP|TYPE) .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/,
    );
  }
});

test("what has not happened yet is 0, so that its first time is seen as a rise", async () => {
  const series = seriesIn(await metricsText(NOTHING));
  expect(series.get('moorage_logins_total{method="publickey",result="failed"}')).toBe(0);
  expect(series.get('moorage_store_write_failures_total{reason="full"}')).toBe(0);
  expect(series.get('moorage_queue_length{queue="passwords"}')).toBe(0);
});

test("figures are where their labels say", async () => {
  const totals = { "logins password failed": 3, "files upload done": 2 };
  const levels = { "transfers download": 4 };
  const users = [{ labels: { user: 'a"b\\c\nd' }, value: 7 }];
  const text = await metricsText({ totals, levels, lookedUp: { userUsed: users } });
  const series = seriesIn(text);
  expect(series.get('moorage_logins_total{method="password",result="failed"}')).toBe(3);
  expect(series.get('moorage_transfer_files_total{direction="upload",result="done"}')).toBe(2);
  expect(series.get('moorage_transfers{direction="download"}')).toBe(4);
  expect(series.get('moorage_user_used_bytes{user="a\\"b\\\\c\\nd"}')).toBe(7);
});

test("a histogram's buckets add up to what was measured", async () => {
  const totals = { "write 0": 2, "write 3": 5, [`write ${BUCKETS.length}`]: 1, "write sum": 9.5 };
  const series = seriesIn(await metricsText({ ...NOTHING, totals }));
  const bucket = (le: string) =>
    series.get(`moorage_store_write_duration_seconds_bucket{step="write",le="${le}"}`);
  expect(["0.0001", "0.0005", "0.001", "5", "+Inf"].map(bucket)).toEqual([2, 2, 7, 7, 8]);
  expect(series.get('moorage_store_write_duration_seconds_sum{step="write"}')).toBe(9.5);
  expect(series.get('moorage_store_write_duration_seconds_count{step="write"}')).toBe(8);
});
