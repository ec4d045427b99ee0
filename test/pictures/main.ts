import { mkdirSync, writeFileSync } from "node:fs";
import { tell } from "./story.ts";
import { svg } from "./svg.ts";

/** What the pages show: each view of a server at work, the key that leads to it, and what it has when it is drawn. */
const PICTURES = [
  {
    name: "overview",
    key: "1",
    shows: "Last events",
    title: "The admin screen: how the server is",
  },
  { name: "users", key: "2", shows: "500 MB", title: "The admin screen: users and their quotas" },
  {
    name: "sessions",
    key: "5",
    shows: "film.mkv",
    title: "The admin screen: who is connected, and what is moving",
  },
];

const COLUMNS = 100;
const ROWS = 30;
/** Long enough for a few columns of the graphs. */
const SECONDS = 25;

const story = await tell(COLUMNS, ROWS, SECONDS);
try {
  mkdirSync("docs/pictures", { recursive: true });
  for (const { name, key, shows, title } of PICTURES) {
    await story.tmux.press(key);
    await story.tmux.waitFor(shows);
    const seen = await story.tmux.captureColours();
    const capture = seen.replaceAll(story.root, "/srv/moorage".padStart(story.root.length));
    writeFileSync(`docs/pictures/${name}.svg`, svg(capture, COLUMNS, title));
    console.log(`docs/pictures/${name}.svg`);
  }
} finally {
  await story.end();
}
