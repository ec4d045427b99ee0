// @ts-check
// The thread that judges one password, and ends. JavaScript, so that it can be started from the
// sources, which the tests do, as well as from the build.
import { parentPort, workerData } from "node:worker_threads";
import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import { adjacencyGraphs, dictionary } from "@zxcvbn-ts/language-common";

/** @type {import("./strength.ts").StrengthRequest} */
const { password, words } = workerData;
const estimator = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
parentPort?.postMessage(estimator.check(password, [...words]).score);
