import { toFilter } from "../../src/control/audit-methods.ts";
import type {
  AuthorityInfo,
  LogFilter,
  LogPageQuery,
  Method,
  Params,
  ReceiverInfo,
  Result,
  RevocationInfo,
  TrashedInfo,
} from "../../src/control/protocol.ts";
import { fitting } from "../../src/store/audit-filter.ts";
import type { AuditLine } from "../../src/store/audit-pages.ts";
import type { AuditRecord } from "../../src/store/types.ts";

/** Trash, authorities, receivers and pages of the log, in memory. */
export class FakeServices {
  readonly trash = new Map<string, TrashedInfo[]>();
  authorities: AuthorityInfo[] = [];
  revoked: RevocationInfo[] = [];
  receivers: ReceiverInfo[] = [];
  test = { ok: true, text: "200 OK", durationMs: 12 };
}

interface Served {
  readonly services: FakeServices;
  readonly records: readonly AuditRecord[];
  readonly now: number;
}

/** Control says what is wrong. */
class Refused extends Error {
  override readonly name = "ControlError";
}

function found(records: readonly AuditRecord[], filter: LogFilter): AuditRecord[] {
  return records.filter(fitting(toFilter(filter)));
}

function page(control: Served, { limit = 100, before, grouped, ...filter }: LogPageQuery) {
  const all = found(control.records, filter).filter(
    ({ id }) => before === undefined || id < before.id,
  );
  const lines = new Map<number, AuditLine>();
  for (const record of all) {
    const { batch } = record;
    const line = grouped === true && batch !== undefined ? lines.get(batch) : undefined;
    if (line === undefined) lines.set((grouped === true && batch) || record.id, { record });
    else lines.set(line.record.id, { record: line.record, all: added(line, record) });
  }
  const newest = [...lines.values()].reverse();
  const shown = newest.slice(0, limit);
  const last = shown.at(-1)?.record;
  const isAll = shown.length === newest.length || last === undefined;
  return { lines: shown, ...(isAll ? {} : { next: { at: last.at, id: last.id } }) };
}

function added({ record, all }: AuditLine, { at, bytes = 0 }: AuditRecord) {
  return {
    records: (all?.records ?? 1) + 1,
    bytes: (all?.bytes ?? record.bytes ?? 0) + bytes,
    since: all?.since ?? record.at,
    until: at,
  };
}

type Methods = { [M in Method]: (control: Served, params: Params<M>) => Result<M> };

export const SERVICE_METHODS = {
  "log.page": page,
  "log.count": (control, filter) => ({ records: found(control.records, filter).length }),
  "trash.list": ({ services }, { name, after = "", limit = 500 }) => {
    const all = (services.trash.get(name) ?? []).filter(({ id }) => id > after);
    return { files: all.slice(0, limit), more: all.length > limit };
  },
  "trash.restore": ({ services }, { name, what, to, force = false }) => {
    const all = services.trash.get(name) ?? [];
    const file = all.find(({ id }) => id === what);
    if (file === undefined) throw new Refused("that is not in the trash any more");
    const path = to ?? file.path;
    if (path.startsWith("/taken") && !force) throw new Refused("something is there");
    services.trash.set(
      name,
      all.filter((one) => one !== file),
    );
    return { path };
  },
  "trash.empty": ({ services }, { name, ids }) => {
    const all = services.trash.get(name) ?? [];
    const gone = all.filter(({ id }) => ids === undefined || ids.includes(id));
    services.trash.set(
      name,
      all.filter((one) => !gone.includes(one)),
    );
    return { files: gone.length, bytes: gone.reduce((sum, { size }) => sum + size, 0) };
  },
  "ca.list": ({ services }) => services.authorities,
  "ca.add": ({ services, now }, { text }) => {
    const [algorithm = "", body = "", comment = ""] = text.split(" ");
    const added = { fingerprint: `SHA256:${body}`, algorithm, comment, createdAt: now };
    services.authorities = [...services.authorities, added];
    return { added: [added] };
  },
  "ca.remove": ({ services }, { fingerprint }) => {
    const gone = services.authorities.find((one) => one.fingerprint === fingerprint);
    if (gone === undefined) throw new Refused("no certificate authority");
    services.authorities = services.authorities.filter((one) => one !== gone);
    return gone;
  },
  "ca.revoked": ({ services }) => services.revoked,
  "ca.revoke": ({ services, now }, { serial, id, key, authority = null, reason = "" }) => {
    const kind = serial !== undefined ? "serial" : id !== undefined ? "id" : "key";
    const number = services.revoked.length + 1;
    const subject = serial ?? id ?? key ?? "";
    const by = { reason, actor: "fake", createdAt: now };
    const revoked = { number, kind, authority, subject, ...by } as const;
    services.revoked = [...services.revoked, revoked];
    return revoked;
  },
  "ca.unrevoke": ({ services }, { number }) => {
    const gone = services.revoked.find((one) => one.number === number);
    if (gone === undefined) throw new Refused("no such revocation");
    services.revoked = services.revoked.filter((one) => one !== gone);
    return gone;
  },
  "events.list": ({ services }) => services.receivers,
  "events.test": ({ services }) => services.test,
  "events.retry": () => null,
  "events.drop": ({ services }, { name }) => {
    const dropped = services.receivers.find((one) => one.name === name)?.queued ?? 0;
    services.receivers = services.receivers.map((one) =>
      one.name === name ? { ...one, queued: 0, dropped: one.dropped + dropped } : one,
    );
    return { dropped };
  },
} satisfies Partial<Methods>;
