/** scripts/sqlite-node20, which is installed on Node.js 20 alone. */
declare module "moorage-sqlite-node20" {
  import Database = require("better-sqlite3");

  export = Database;
}
