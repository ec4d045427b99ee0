import { setTimeout as delay } from "node:timers/promises";
import { Bench, openPlace, type Place } from "./bench.ts";
import type { Client } from "./client.ts";
import { sftp } from "./clients/openssh.ts";
import type { Venue } from "./host.ts";
import { identOf, noOwnUsers, openssh } from "./openssh-host.ts";
import { MissingProgram } from "./program.ts";
import { ALONE, NEEDS_OWN_USERS, type Title } from "./rows.ts";
import { files } from "./scenarios/files.ts";
import { listing, oddNames } from "./scenarios/listing.ts";
import { login } from "./scenarios/login.ts";
import { refusals } from "./scenarios/refusals.ts";
import { downloads, uploads } from "./scenarios/transfers.ts";
import { trouble } from "./scenarios/trouble.ts";

const SCENARIOS: Readonly<Record<Title, (bench: Bench) => Promise<void>>> = {
  ...login,
  ...listing,
  ...oddNames,
  ...uploads,
  ...downloads,
  ...files,
  ...refusals,
  ...trouble,
};

/** For a busy machine; of the large file alone much is spent on hashing. In milliseconds. */
const STEP_TIMEOUT = 180_000;

/** What a test of one step may take: with both servers, and the proof that OpenSSH's serves. */
export const TEST_TIMEOUT = 4 * STEP_TIMEOUT;

/** Does a step as a user of its own. @returns why it failed; undefined: it did not */
export async function attempt(
  client: Client,
  place: Place,
  title: Title,
  user: string,
): Promise<Error | undefined> {
  const bench = await Bench.open(client, place, user);
  const done = SCENARIOS[title](bench).then(() => bench.settled());
  const timer = new AbortController();
  const late = delay(STEP_TIMEOUT, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`did not end within ${STEP_TIMEOUT / 1000} seconds`);
  });
  late.catch(() => {});
  try {
    await Promise.race([done, late]);
    return undefined;
  } catch (thrown) {
    return thrown as Error;
  } finally {
    timer.abort();
    // What is still under way fails, now that its programs are ended.
    await bench.close();
    await done.catch(() => {});
  }
}

export type Verdict =
  /** the suite fails; `note`: why the client is not to blame, as far as that is known */
  | { readonly fault: "server"; readonly note: string }
  /** the step fails with OpenSSH's server as well: `openssh` says how, and which server it was */
  | { readonly fault: "client"; readonly openssh: string; readonly server: string };

/**
 * Whose fault it is that a step failed with our server: the same step is done with the same client and
 * OpenSSH's server, unless that can't tell. Whatever is not proved is our fault.
 */
export async function judge(
  client: Client,
  title: Title,
  failure: Error,
  venue: Venue = openssh,
): Promise<Verdict> {
  const server = (note: string): Verdict => ({ fault: "server", note });
  if (failure instanceof MissingProgram) return server("a client that is missing proves nothing");
  const limit = NEEDS_OWN_USERS.has(title) ? noOwnUsers() : undefined;
  if (limit !== undefined) {
    return server(`OpenSSH's server can have no users of its own here to compare (${limit})`);
  }
  try {
    return await compare(client, title, venue);
  } catch (thrown) {
    return server(`OpenSSH's server can't be asked here: ${(thrown as Error).message}`);
  }
}

async function compare(client: Client, title: Title, venue: Venue): Promise<Verdict> {
  const alone = ALONE[title];
  const place = await openPlace(client, venue);
  try {
    // A server that serves nobody would find fault with every client.
    for (const proof of ["put 1 byte", "get 1 byte"] as const) {
      const failure = await attempt(sftp, place, proof, proof.replace(/ .*/, ""));
      if (failure !== undefined)
        throw new Error(`its own sftp fails: ${inOneLine(failure, place)}`);
    }
    const name = await identOf(place.host.port);
    const failure = await attempt(client, place, alone?.instead ?? title, "ann");
    if (failure !== undefined) {
      return { fault: "client", openssh: inOneLine(failure, place), server: name };
    }
    const note = alone === undefined ? `it passes with ${name}` : `judged by itself: ${alone.why}`;
    return { fault: "server", note };
  } finally {
    await place.close();
  }
}

/** The first line of a failure, without the temporary names in it. */
export function inOneLine({ message }: Error, { desk, host }: Place): string {
  const [line = ""] = message.split("\n");
  const homes = host.home("");
  return line.replaceAll(desk.directory, "…").replaceAll(homes, "…").replaceAll("|", "¦").trim();
}
