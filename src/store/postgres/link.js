// @ts-check
// One connection to the server, from its beginning to its end.
import { checkServerIdentity } from "node:tls";
import { Client, DatabaseError } from "pg";
import { changesOf, toFault, types } from "./answers.js";
import { NAMED } from "./shared.js";

/**
 * @import { ClientConfig, QueryArrayResult } from "pg"
 * @import { Fault } from "./faults.ts"
 * @import { Address, Host } from "./address.ts"
 * @import { Answer, Asked, Limits, RunAsked } from "./protocol.ts"
 */

/** All processes of an instance hear it. */
const CHANNEL = "moorage";
/** pg_current_xact_id() and xid8 are of version 13. */
const OLDEST = 130_000;
const FACTS =
  "SELECT current_setting('transaction_read_only'), current_setting('server_version_num')::int";
/** The server's owner may have set others for all. */
const SETTINGS = `SET bytea_output = 'hex';
SET default_transaction_isolation = 'read committed';
SET standard_conforming_strings = on;
SET client_min_messages = warning;
SET jit = off;
LISTEN ${CHANNEL}`;
/**
 * A table that a crash and a failover leave empty, so its value stands for the time between. In the
 * next such time the number of a transaction that was never stored may be another's.
 */
const EPOCH = `DO $$ BEGIN
PERFORM pg_advisory_xact_lock(${NAMED}, 101);
CREATE UNLOGGED TABLE IF NOT EXISTS moorage_epoch (
  one boolean PRIMARY KEY DEFAULT true, id uuid NOT NULL DEFAULT gen_random_uuid());
INSERT INTO moorage_epoch DEFAULT VALUES ON CONFLICT DO NOTHING;
END $$`;
const NOTIFY = `SELECT pg_notify('${CHANNEL}', '')`;

/** @typedef {(answer: Omit<Answer, "id">) => void} Reply */

/**
 * @param {Host} host
 * @param {Address} address
 * @returns {ClientConfig["ssl"]}
 */
function tlsFor({ host }, { tls }) {
  if (tls.check === "none" || host.startsWith("/")) return false;
  return {
    ca: tls.authorities,
    rejectUnauthorized: tls.check !== "encrypt",
    // By itself Node.js takes no host to be "localhost", and an address is none for it.
    checkServerIdentity: (_name, certificate) =>
      tls.check === "full" ? checkServerIdentity(host, certificate) : undefined,
  };
}

export class Link {
  #client;
  #known;
  /** of the statements that the server knows, as they were told last @type {Map<number, string[]>} */
  #columns = new Map();
  /** the same as long as the server's numbers of transactions mean the same */
  epoch = "";
  /** @type {Fault | undefined} */
  #lost;
  /** @type {(fault: Fault) => void} */
  #onLost = () => {};

  /**
   * @param {Host} host
   * @param {Address} address
   * @param {Limits} limits
   * @param {Map<number, string>} known texts of statements by their numbers
   * @param {() => void} noticed called when another process has told of a change
   */
  constructor(host, address, limits, known, noticed) {
    this.#known = known;
    const { user, password, database } = address;
    this.#client = new Client({
      ...host,
      user,
      database,
      // Else pg looks for a file in a home.
      password: () => password,
      ssl: tlsFor(host, address),
      application_name: "moorage",
      connectionTimeoutMillis: limits.connectMs,
      statement_timeout: limits.statementMs,
      lock_timeout: limits.lockMs,
      idle_in_transaction_session_timeout: limits.idleMs,
      keepAlive: true,
      pipeline: true,
    });
    this.#client.on("error", (error) => this.#end(toFault(error)));
    this.#client.on("end", () => this.#end({ code: "", message: "the connection ended" }));
    this.#client.on("notification", ({ processId }) => {
      if (processId !== this.pid) noticed();
    });
  }

  /** The server's process for this link. */
  get pid() {
    return /** @type {{ processID: number }} */ (/** @type {unknown} */ (this.#client)).processID;
  }

  /**
   * @param {number} withinMs for all that comes after the login
   * @returns {Promise<void>} rejects when there is no server, or none that can be written
   */
  async open(withinMs) {
    await this.#client.connect();
    await this.within(withinMs, () => this.#prepare());
  }

  /**
   * Drops the link when it takes longer.
   * @param {number} ms
   * @param {() => Promise<void>} act
   */
  async within(ms, act) {
    const timer = setTimeout(() => this.drop({ code: "TIMEOUT", message: "no answer" }), ms);
    try {
      await act();
    } finally {
      clearTimeout(timer);
    }
  }

  async #prepare() {
    const { rows } = await this.ask(FACTS);
    const [readOnly, version] = rows[0] ?? [];
    if (readOnly === "on") throw Object.assign(new Error("a standby"), { code: "25006" });
    if (version < OLDEST) throw Object.assign(new Error("too old"), { code: "TOO_OLD" });
    const text = `${SETTINGS};${EPOCH};SELECT id FROM moorage_epoch`;
    const results = /** @type {unknown} */ (await this.ask(text));
    const found = /** @type {QueryArrayResult[]} */ (results).at(-1);
    this.epoch = String(found?.rows[0]?.[0]);
  }

  /**
   * @param {string} text
   * @param {unknown[]} [values]
   * @returns {Promise<QueryArrayResult>} rejects with the server's error
   */
  ask(text, values) {
    return this.#client.query({ text, rowMode: "array", types, ...(values && { values }) });
  }

  /** @param {(fault: Fault) => void} act called once, also when it is lost already */
  onLost(act) {
    if (this.#lost === undefined) this.#onLost = act;
    else act(this.#lost);
  }

  /** @param {Fault} fault why */
  drop(fault) {
    this.#end(fault);
    const { connection } = /** @type {{ connection: { stream: import("node:net").Socket } }} */ (
      /** @type {unknown} */ (this.#client)
    );
    connection.stream.destroy();
  }

  /** @returns {Promise<void>} */
  async close() {
    this.#onLost = () => {};
    await this.#client.end();
  }

  /** @param {Fault} fault */
  #end(fault) {
    if (this.#lost !== undefined) return;
    this.#lost = fault;
    this.#onLost(fault);
  }

  /**
   * @param {Asked} asked
   * @param {Reply} reply called once, unless the link is lost before
   */
  answer(asked, reply) {
    if (asked.kind === "run") this.#run(asked, reply);
    else if (asked.kind === "begin") this.#begin(asked.lockClass, asked.lockKey, reply);
    else if (asked.kind === "commit") this.#commit(asked.notify, reply);
    else this.#script(asked.text, reply);
  }

  /** Ends a transaction; nobody waits for it, and what comes next stands behind it. */
  rollback() {
    this.#send("ROLLBACK", () => {});
  }

  /** Others hear that there are changes. */
  notify() {
    this.#send(NOTIFY, () => {});
  }

  /** @param {number} statement */
  forget(statement) {
    // What it doesn't know must not be taken back: that would spoil a transaction.
    if (!this.#columns.delete(statement)) return;
    this.#send(`DEALLOCATE s${statement}`, () => {});
    const { connection } =
      /** @type {{ connection: { parsedStatements: Record<string, string> } }} */ (
        /** @type {unknown} */ (this.#client)
      );
    delete connection.parsedStatements[`s${statement}`];
  }

  /**
   * @param {RunAsked} asked
   * @param {Reply} reply
   */
  #run({ statement, values, rows: wanted, beginReading }, reply) {
    if (beginReading) this.#send("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", () => {});
    const text = this.#known.get(statement);
    if (text === undefined) throw new Error(`statement ${statement} was never told`);
    const query = { name: `s${statement}`, text, values, rowMode: "array", types };
    this.#ask(query, reply, (result) => {
      // Only now it is one that the server knows.
      if (!this.#columns.has(statement)) this.#columns.set(statement, []);
      if (wanted === "none") return reply({ changes: changesOf(result) });
      const rows = wanted === "first" ? result.rows.slice(0, 1) : result.rows;
      reply({ ...this.#columnsOf(statement, result), rows });
    });
  }

  /**
   * @param {number} statement
   * @param {QueryArrayResult} result
   * @returns {{ columns?: string[] }} nothing when they were told already
   */
  #columnsOf(statement, { fields }) {
    const told = this.#columns.get(statement) ?? [];
    if (fields.length === told.length && fields.every(({ name }, at) => name === told[at])) {
      return {};
    }
    const columns = fields.map(({ name }) => name);
    this.#columns.set(statement, columns);
    return { columns };
  }

  /**
   * One message: the lock without waiting, and the transaction's number when it has the lock.
   * @param {number} lockClass
   * @param {number} lockKey
   * @param {Reply} reply
   */
  #begin(lockClass, lockKey, reply) {
    const lock = `pg_try_advisory_xact_lock(${lockClass | 0}, ${lockKey | 0})`;
    const text = `BEGIN;SELECT CASE WHEN ${lock} THEN pg_current_xact_id()::text END`;
    this.#ask(
      { text, rowMode: "array", types },
      (answer) => {
        this.rollback();
        reply(answer);
      },
      (results) => {
        const [, locked] = /** @type {QueryArrayResult[]} */ (/** @type {unknown} */ (results));
        const transaction = /** @type {string | null} */ (locked?.rows[0]?.[0] ?? null);
        if (transaction === null) this.rollback();
        reply({ transaction });
      },
    );
  }

  /**
   * The notice has a transaction of its own behind it: a transaction with a notice holds a lock of
   * the whole database while its commit goes to the disk.
   * @param {boolean} notify
   * @param {Reply} reply
   */
  #commit(notify, reply) {
    this.#ask({ text: "COMMIT", rowMode: "array", types }, reply, ({ command }) => {
      if (command === "COMMIT") reply({});
      else
        reply({ fault: { code: "25P02", message: "a statement of the transaction had failed" } });
    });
    if (notify) this.notify();
  }

  /**
   * Takes as long as it takes.
   * @param {string} text
   * @param {Reply} reply
   */
  #script(text, reply) {
    this.#ask({ text, rowMode: "array", types }, reply, () => reply({}));
  }

  /**
   * @param {object} query
   * @param {Reply} refused
   * @param {(result: QueryArrayResult) => void} done
   */
  #ask(query, refused, done) {
    this.#send(query, (error, result) => {
      if (error === null || error === undefined) return done(result);
      // What isn't of the server ends the link, which answers for it; or it was a value.
      if (error instanceof DatabaseError || error instanceof RangeError) {
        refused({ fault: toFault(error) });
      }
    });
  }

  /**
   * @param {string | object} query
   * @param {(error: unknown, result: QueryArrayResult) => void} callback
   */
  #send(query, callback) {
    const send = /** @type {(query: unknown, callback: unknown) => void} */ (
      this.#client.query.bind(this.#client)
    );
    send(query, callback);
  }
}
