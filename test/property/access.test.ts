import fc from "fast-check";
import { expect, test } from "vitest";
import { ACCESS_MODES } from "../../src/access/modes.ts";
import {
  AccessWorld,
  type AdminStep,
  type FileStep,
  FOLDERS,
  type Step,
  SUBJECTS,
} from "../support/access-world.ts";
import { Team } from "../support/team.ts";

const RUNS = Number(process.env.PROPERTY_RUNS ?? 40);

const NAME = fc.constantFrom("d", "d", "d", "s", "f", "a", "..");
const LAST = fc.constantFrom("a", "d", "f", "x.part", "a", "d", "x.part");
const PATH = fc
  .tuple(fc.array(NAME, { maxLength: 1 }), LAST)
  .map(([way, last]) => `/${[...way, last].join("/")}`);
/** Where rules and folders are, which paths have to hit. */
const PLACES = ["/f", "/s/f", "/d", "/a", "/s"];
const RULED = fc.constantFrom(
  "/",
  ...PLACES,
  ...PLACES,
  ...PLACES,
  "/f/d",
  "/f/a",
  "/d/a",
  "/s/f/d",
  "/d/d",
);
const NEAR = fc.tuple(fc.constantFrom(...PLACES), LAST).map(([at, name]) => `${at}/${name}`);
const ANY_PATH = fc.oneof(PATH, NEAR, NEAR, fc.constant("/"));
const LINK = fc.oneof(PATH, fc.constantFrom("../a", "..", "/f", "/d", "../s/f/a", "a", "/s/f"));

const FILE: fc.Arbitrary<FileStep> = fc
  .record({
    kind: fc.constantFrom<FileStep["kind"]>(
      ...(["put", "put", "put", "make", "fresh", "write", "get", "list", "list", "stat"] as const),
      ...(["mkdir", "mkdir", "rmdir", "remove", "rename", "replace", "symlink"] as const),
      ...(["hardlink", "readlink", "resize", "chmod", "open", "hold", "use", "use"] as const),
    ),
    session: fc.nat(2),
    path: ANY_PATH,
    to: ANY_PATH,
    link: LINK,
    text: fc.string({ unit: fc.constantFrom("x", "y", "z"), maxLength: 25 }),
  })
  .map(({ link, ...step }) => (step.kind === "symlink" ? { ...step, to: link } : step));

const ADMIN: fc.Arbitrary<AdminStep> = fc
  .record({
    kind: fc.constantFrom<AdminStep["kind"]>(
      ...(["rule", "rule", "rule", "unrule", "share", "share", "unshare"] as const),
      ...(["relogin", "member"] as const),
    ),
    subject: fc.constantFrom(...SUBJECTS),
    folder: fc.constantFrom(...FOLDERS),
    path: RULED,
    at: fc.constantFrom("/f", "/s/f", "/d", "/s/d"),
    access: fc.constantFrom(...ACCESS_MODES, "full", "full"),
    session: fc.nat(2),
  })
  .map(({ at, ...step }) => (step.kind === "share" ? { ...step, path: at } : step));

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: FILE, weight: 6 },
  { arbitrary: ADMIN, weight: 1 },
);

/** So that there is something to do from the start. */
const BEGIN: readonly Step[] = [
  { kind: "share", subject: "@all", folder: "f", path: "/f", access: "full", session: 0 },
  ...(["/d", "/f/d"] as const).map(
    (path): Step => ({ kind: "mkdir", session: 0, path, to: "/", text: "" }),
  ),
  ...(["/a", "/d/a", "/f/a", "/f/d/a"] as const).map(
    (path): Step => ({ kind: "put", session: 0, path, to: "/", text: "begin" }),
  ),
];

test(
  "who may do what, what is seen, what is stored: as a plain model says",
  async () => {
    const team = await Team.create();
    const other = new Team(await team.instance.another());
    let round = 0;
    const seen = new Set<string>();
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(STEP, { minLength: 30, maxLength: 120, size: "max" }),
          async (random) => {
            const steps = [...BEGIN, ...random];
            round += 1;
            const world = new AccessWorld([team, other], `${round}`);
            try {
              await world.begin();
              for (const step of steps) {
                const done = await world.run(step);
                if (done !== undefined) seen.add(done);
                await world.check();
              }
              await world.end();
            } finally {
              await world.clear();
            }
          },
        ),
        { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 1_000 },
      );
      // Each kind of operation was tried, and some of all were let through and some refused.
      for (const kind of ["put", "get", "mkdir", "remove", "rename", "use"]) {
        expect([...seen]).toContainEqual(expect.stringMatching(new RegExp(`^${kind} `)));
      }
      const outcomes = new Set([...seen].map((one) => one.split(" ").at(-1)));
      expect(outcomes).toEqual(new Set(["ok", "no"]));
    } finally {
      await other.close();
      await team.close();
    }
  },
  RUNS * 2_000,
);
