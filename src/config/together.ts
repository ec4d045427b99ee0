import { hasPassword } from "./database-url.ts";
import { isLocal, parseMetricsAddress } from "./listen.ts";
import type { EffectiveSetting } from "./load.ts";

/** What is wrong with settings that are right one by one, a line each. */
export function problemsTogether(settings: Iterable<EffectiveSetting>): string[] {
  const known = new Map([...settings].map((setting) => [setting.named.name, setting]));
  const problems: string[] = [];
  const listen = known.get("metrics.listen");
  const address = parseMetricsAddress(`${listen?.value ?? ""}`);
  if (address !== undefined && !isLocal(address) && known.get("metrics.public")?.value !== true) {
    problems.push(
      `${listen?.origin}: ${listen?.value} is no address of this machine alone, and whoever reaches it can read the figures: take 127.0.0.1, or set metrics.public = true`,
    );
  }
  const url = known.get("store.url");
  if (url !== undefined && hasPassword(`${url.value}`) && url.origin !== url.named.variable) {
    problems.push(
      `${url.origin}: a password stands there for others to read: put it into a file of its own and name that in store.password_file, or give the URL in ${url.named.variable}`,
    );
  }
  const group = known.get("server.group");
  if (group?.value && !known.get("server.user")?.value) {
    problems.push(`${group.origin}: server.group does nothing without server.user`);
  }
  return problems;
}
