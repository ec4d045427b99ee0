import { nameOf, networkProblem, parseNetwork } from "../auth/addresses.ts";
import type { AuditFilter } from "../store/audit-filter.ts";
import { kindsOf } from "../store/audit-groups.ts";
import type { Store } from "../store/store.ts";
import type { LogFilter, LogPage, LogPageQuery } from "./audit-protocol.ts";
import { ControlError } from "./errors.ts";

/** Records that are looked at for one page: who seeks a word in a million asks a few times. */
const BUDGET = 100_000;

interface Caller {
  readonly host: { readonly store: Pick<Store, "audit"> };
}

export const AUDIT_METHODS = {
  "log.page": ({ host }: Caller, query: LogPageQuery): Promise<LogPage> => {
    const { limit, before, grouped, ...filter } = query;
    return host.store.audit.page({
      ...toFilter(filter),
      ...(limit !== undefined && { limit }),
      ...(before !== undefined && { before }),
      ...(grouped !== undefined && { grouped }),
      budget: BUDGET,
    });
  },
  "log.count": async ({ host }: Caller, filter: LogFilter) => ({
    records: await host.store.audit.count(toFilter(filter)),
  }),
};

/** @throws ControlError when the address is none */
export function toFilter({ groups, kinds, address, ...rest }: LogFilter): AuditFilter {
  const all = [...(kinds ?? []), ...(groups ?? []).flatMap(kindsOf)];
  return {
    ...rest,
    ...((kinds ?? groups) !== undefined && { kinds: [...new Set(all)] }),
    ...(address !== undefined && { network: toNetwork(address) }),
  };
}

function toNetwork(address: string) {
  const problem = networkProblem(address);
  const network = parseNetwork(address);
  if (problem !== undefined || network === undefined) {
    throw new ControlError(problem ?? "this is no address or network");
  }
  return { ...network, address: nameOf(network).split("/")[0] ?? network.address };
}
