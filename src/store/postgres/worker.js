// @ts-check
// The thread that speaks to the server. JavaScript, so that it can be started from the sources, which
// the tests do, as well as from the build.
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { toFault } from "./answers.js";
import { Link } from "./link.js";
import { ANSWERS, LINK, VERSION } from "./shared.js";

/**
 * @import { MessagePort } from "node:worker_threads"
 * @import { Fault } from "./faults.ts"
 * @import { Answer, Dropped, News, Question, Settled, ThreadData, ToThread } from "./protocol.ts"
 */

/** Between two tries to reach the server, in milliseconds. */
const SHORTEST_WAIT = 50;
const LONGEST_WAIT = 2_000;

/** How long the end of a transaction in doubt is waited for, and how often it is asked, in ms. */
const DOUBT_MS = 10_000;
const DOUBT_ASK_MS = 50;

const { address, shared, limits, answers, firstLink, inDoubt, lastEpoch } =
  /** @type {ThreadData & { answers: MessagePort }} */ (workerData);

/** @type {Map<number, string>} */
const texts = new Map();
/** What was asked on the link and isn't answered: by its number, with the transaction it commits. */
/** @type {Map<number, string | undefined>} */
const open = new Map();
/** @type {Link | undefined} */
let link;
let linkNumber = firstLink;
/** the transaction of which it isn't known whether it was committed */
let doubt = inDoubt;
/** of the link that was used last */
let epoch = lastEpoch;
let closing = false;

/** @param {Answer} answer */
function reply(answer) {
  answers.postMessage(answer);
  Atomics.add(shared, ANSWERS, 1);
  Atomics.notify(shared, ANSWERS);
}

/** @param {News} news */
function tell(news) {
  parentPort?.postMessage(news);
}

/** @param {Fault} fault */
function lost(fault) {
  Atomics.compareExchange(shared, LINK, linkNumber, 0);
  link = undefined;
  for (const [id, transaction] of open) {
    doubt = transaction ?? doubt;
    reply({ id, gone: fault });
  }
  open.clear();
}

/** @param {Question} question */
function answer(question) {
  const { id } = question;
  if (question.kind === "run" && question.text !== undefined) {
    texts.set(question.statement, question.text);
  }
  if (link === undefined || question.link !== linkNumber) {
    return reply({ id, gone: { code: "", message: "the connection was lost" }, unsent: true });
  }
  open.set(id, question.kind === "commit" ? question.transaction : undefined);
  link.answer(question, (given) => {
    if (open.delete(id)) reply({ id, ...given });
  });
}

/** @param {number[]} statements */
function forget(statements) {
  for (const statement of statements) {
    texts.delete(statement);
    link?.forget(statement);
  }
}

/** @param {ToThread} message */
function receive(message) {
  if ("id" in message) answer(message);
  else if (message.kind === "forget") forget([...message.statements]);
  else if (message.kind === "close") void close();
  else if (message.kind === "drop") drop(message);
  else if (message.link === linkNumber) link?.rollback();
}

/** @param {Dropped} message */
function drop({ link: number, transaction }) {
  doubt = transaction ?? doubt;
  if (number === linkNumber) link?.drop({ code: "TIMEOUT", message: "no answer in time" });
}

async function close() {
  closing = true;
  await link?.close().catch(() => {});
  reply({ id: 0 });
  answers.close();
  parentPort?.close();
}

/**
 * The server's process for the lost link may not have noticed, and commit yet.
 * @param {Link} fresh
 * @param {string} transaction
 */
async function endOld(fresh, transaction) {
  const own = "(backend_xid::text)::bigint = ($1::text)::bigint % 4294967296";
  const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${own}`;
  await fresh.ask(end, [transaction]);
}

/**
 * @param {Link} fresh
 * @param {string} transaction
 */
async function settle(fresh, transaction) {
  // After a crash or a failover it may be another's number, if this one was not stored.
  const isOwn = fresh.epoch === epoch;
  if (isOwn) await endOld(fresh, transaction);
  const until = performance.now() + DOUBT_MS;
  for (;;) {
    const { rows } = await fresh.ask("SELECT pg_xact_status(($1::text)::xid8)", [transaction]);
    const status = rows[0]?.[0];
    if (status === "committed") return isOwn ? true : null;
    if (status === "aborted") return false;
    if (status !== "in progress" || performance.now() > until) return null;
    // What runs with that number since a crash is another's, so this one was not stored.
    if (!isOwn) return false;
    await sleep(DOUBT_ASK_MS);
  }
}

/**
 * @param {Link} fresh
 * @returns {Promise<Settled | undefined>} undefined: nothing is in doubt
 */
async function settled(fresh) {
  const transaction = doubt;
  if (transaction === undefined) return undefined;
  const committed = await settle(fresh, transaction).catch((thrown) => {
    const { code } = toFault(thrown);
    // The server's numbers have not come so far: the standby that took over never saw it.
    if (code === "22023") return false;
    if (/^(?!08|57|25006)[0-9A-Z]{5}$/.test(code) && code !== "EPIPE") return null;
    throw thrown;
  });
  return { transaction, committed };
}

/** @param {Link} fresh */
async function use(fresh) {
  const outcome = await settled(fresh);
  // The link before may have ended between a commit and its notice.
  if (linkNumber > 0) fresh.notify();
  if (doubt === outcome?.transaction) doubt = undefined;
  link = fresh;
  epoch = fresh.epoch;
  linkNumber += 1;
  Atomics.add(shared, VERSION, 1);
  tell({ kind: "up", link: linkNumber, epoch, settled: outcome });
}

/** Resolves with true when there was a link, once it is lost. */
async function tryHosts() {
  /** @type {Fault} */
  let fault = { code: "", message: "no host" };
  for (const host of address.hosts) {
    const fresh = new Link(host, address, limits, texts, () => Atomics.add(shared, VERSION, 1));
    try {
      await fresh.open(limits.connectMs);
      await fresh.within(DOUBT_MS + limits.connectMs, () => use(fresh));
    } catch (thrown) {
      fault = toFault(thrown);
      fresh.drop(fault);
      continue;
    }
    await new Promise((resolve) => fresh.onLost((why) => resolve(lost(why))));
    return true;
  }
  tell({ kind: "down", fault });
  return false;
}

async function stayConnected() {
  for (let wait = SHORTEST_WAIT; !closing; ) {
    wait = (await tryHosts()) ? SHORTEST_WAIT : Math.min(2 * wait, LONGEST_WAIT);
    // Not all processes at once, when the server is back.
    await sleep(wait * (0.5 + Math.random() / 2));
  }
}

parentPort?.on("message", receive);
await stayConnected();
