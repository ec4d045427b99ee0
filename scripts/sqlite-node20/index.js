const Database = require("better-sqlite3");

// It loads its native part late: what is not there is to be known at once.
new Database(":memory:").close();

module.exports = Database;
