import { configDefaults, defineConfig } from "vitest/config";
import { notTestedHere } from "./test/support/machine.ts";

// Another system's clients in place of this machine's (test/clients/suite/system.ts).
const { CLIENTS_FROM, PATH } = process.env;
if (CLIENTS_FROM !== undefined) process.env.PATH = `${CLIENTS_FROM}/bin:${PATH}`;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The report names them.
    exclude: [...configDefaults.exclude, ...notTestedHere().flatMap(({ files }) => files)],
    setupFiles: ["test/support/surroundings.ts"],
    globalSetup: ["test/clients/suite/report.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
    // Most tests wait for programs: with a worker for each processor a third of its time is idle.
    maxWorkers: "150%",
  },
});
