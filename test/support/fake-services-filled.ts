import { FAKE_NOW, type FakeControl } from "./fake-control.ts";

const HOUR = 3_600_000;

/** A server with a trash, authorities, receivers, and a put of many files in the log. */
export function fillServices(fake: FakeControl): void {
  const { services } = fake;
  services.trash.set("user00002", [
    { id: "0a", path: "/reports/june.ods", removedAt: FAKE_NOW - 70 * HOUR, size: 48_128 },
    {
      id: "0b",
      path: "/photos/2025/summer/img-1.jpg",
      removedAt: FAKE_NOW - HOUR,
      size: 7_340_032,
    },
    { id: "0c", path: "/taken.txt", removedAt: FAKE_NOW - 60_000, size: 12 },
  ]);
  services.trash.set("@projects", [
    { id: "1a", path: "/plan.odt", removedAt: FAKE_NOW - 2 * HOUR, size: 91_000 },
  ]);
  services.authorities = [
    {
      fingerprint: "SHA256:dDh3Wr6iCnrSJ5xo7Zzjsn2Y5WwRd1VQjyXaDDZ6JzA",
      algorithm: "ssh-ed25519",
      comment: "users_ca",
      createdAt: FAKE_NOW - 90 * HOUR,
    },
  ];
  const by = { actor: "cli:root", createdAt: FAKE_NOW - 5 * HOUR };
  services.revoked = [
    { ...by, number: 1, kind: "id", authority: null, subject: "alice-laptop", reason: "lost" },
    {
      ...by,
      number: 2,
      kind: "key",
      authority: null,
      subject: "SHA256:8C1nKyWbG6n1x4Gv5FJmSPh9O2cQfTmRrJrLs6nX1Cw",
      reason: "",
    },
  ];
  const works = { configured: true, queuedBytes: 0, dropped: 0, nextAt: null };
  services.receivers = [
    {
      ...works,
      name: "intake",
      kinds: ["upload", "remove"],
      target: "https://intake.example.com",
      queued: 12,
      queuedBytes: 5_120,
      delivered: 4_711,
      dropped: 3,
      failures: 4,
      nextAt: FAKE_NOW + 95_000,
      lastSuccessAt: FAKE_NOW - 2 * HOUR,
      lastErrorAt: FAKE_NOW - 25_000,
      lastError: "the receiver answered 503",
    },
    {
      ...works,
      name: "scan",
      kinds: ["upload"],
      target: "/usr/local/bin/scan-upload",
      queued: 0,
      delivered: 812,
      failures: 0,
      lastSuccessAt: FAKE_NOW - 40_000,
      lastErrorAt: null,
      lastError: "",
    },
  ];
  const [{ name, queued, lastError } = { name: "", queued: 0, lastError: "" }] = services.receivers;
  fake.failingReceivers = [{ name, queued, lastError }];
  for (let at = 1; at <= 12; at++) putOfMany(fake, at);
}

/** A file more of the put of many. */
export function putOfMany(fake: FakeControl, at: number) {
  const path = `/backup/2026/january/part-${String(at).padStart(2, "0")}.tar`;
  const more = { user: "user00003", remote: "192.0.2.13:50003", session: 103, bytes: 1_000_000 };
  const first = fake.records.find(({ batch }) => batch !== undefined);
  const batch = first?.batch ?? fake.records.length + 1;
  return fake.record("upload", { ...more, path, durationMs: 900, batch } as object);
}
