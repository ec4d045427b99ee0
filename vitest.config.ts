import { configDefaults, defineConfig } from "vitest/config";
import { notTestedHere } from "./test/support/machine.ts";
import { ON_BOTH_ENGINES } from "./test/support/store-files.ts";

// Another system's clients in place of this machine's (test/clients/suite/system.ts).
const { CLIENTS_FROM, MOORAGE_TEST_STORE, PATH } = process.env;
if (CLIENTS_FROM !== undefined) process.env.PATH = `${CLIENTS_FROM}/bin:${PATH}`;

export default defineConfig({
  test: {
    include: MOORAGE_TEST_STORE === "postgres" ? [...ON_BOTH_ENGINES] : ["test/**/*.test.ts"],
    // The report names them.
    exclude: [...configDefaults.exclude, ...notTestedHere().flatMap(({ files }) => files)],
    setupFiles: ["test/support/surroundings.ts", "test/support/store-engine-end.ts"],
    globalSetup: ["test/clients/suite/report.ts", "test/support/store-cluster.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
    // Most tests wait for programs: with a worker for each processor a third of its time is idle.
    maxWorkers: "150%",
  },
});
