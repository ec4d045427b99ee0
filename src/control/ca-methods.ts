import type { Authority, StoredRevocation } from "../store/authorities.ts";
import { AuthorityControl } from "./authorities.ts";
import type { AuthorityInfo, AuthorityMethods, RevocationInfo } from "./ca-protocol.ts";
import type { Caller } from "./methods.ts";

type Methods = {
  readonly [M in keyof AuthorityMethods]: (
    caller: Caller,
    params: AuthorityMethods[M]["params"],
  ) => Promise<AuthorityMethods[M]["result"]>;
};

/** The administrators' use-cases that concern certificate authorities. */
export const AUTHORITY_METHODS: Methods = {
  "ca.list": async (caller) => (await of(caller).list()).map(authorityInfo),
  "ca.add": async (caller, { text }) => ({
    added: (await of(caller).add(text)).map(authorityInfo),
  }),
  "ca.remove": async (caller, { fingerprint }) =>
    authorityInfo(await of(caller).remove(fingerprint)),
  "ca.revoked": async (caller) => (await of(caller).revoked()).map(revocationInfo),
  "ca.revoke": async (caller, request) => revocationInfo(await of(caller).revoke(request)),
  "ca.unrevoke": async (caller, { number }) => revocationInfo(await of(caller).unrevoke(number)),
};

function of({ host, actor }: Caller): AuthorityControl {
  return new AuthorityControl({
    store: host.store,
    actor,
    announced: () => host.applyChanges(),
  });
}

export function authorityInfo(authority: Authority): AuthorityInfo {
  const { fingerprint, algorithm, comment, createdAt } = authority;
  return { fingerprint, algorithm, comment, createdAt };
}

export function revocationInfo({ authority, ...rest }: StoredRevocation): RevocationInfo {
  return { ...rest, authority: authority === "" ? null : authority };
}
