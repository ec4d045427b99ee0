/**
 * What people call a command that has another name here, from other systems or from Moorage's own shell.
 * Such a word has no command's letters, so that nothing near would be found.
 */
const OF_ALL: Readonly<Record<string, readonly string[]>> = {
  serve: ["start", "run", "daemon", "up", "server", "init", "new", "create", "setup", "install"],
  status: ["ping", "health", "uptime", "info"],
  nodes: ["workers", "processes"],
  sessions: ["who", "w", "ps", "connections", "clients", "online", "transfers"],
  kick: ["kill", "disconnect", "drop"],
  ban: ["block", "deny", "blacklist"],
  unban: ["unblock", "allow", "unlock"],
  penalties: ["bans", "banned", "fail2ban"],
  logs: ["audit", "journal", "history", "trail", "tail"],
  events: ["webhook", "webhooks", "hooks", "notify"],
  metrics: ["prometheus", "stats", "statistics"],
  admin: ["top", "tui", "ui", "screen", "dashboard", "console"],
  "config check": ["settings", "show-config"],
  "config set": ["set", "setting"],
  usage: ["quota", "quotas", "df", "du", "space", "size", "disk", "storage"],
  "user list": ["users", "accounts", "list"],
  "user list or connect": ["ls", "dir"],
  "user add": ["useradd", "adduser", "add", "account", "register", "invite"],
  "user set": ["usermod", "chage", "edquota", "setquota"],
  "user remove": ["userdel", "deluser", "remove", "delete", "rm"],
  "user passwd": ["passwd", "password", "chpasswd"],
  "user disable": ["disable"],
  "user enable": ["enable"],
  "user import": ["import"],
  "user key": ["key", "keys", "authorized-keys", "ssh-copy-id"],
  "user access": ["access", "acl", "chmod", "permissions", "rights"],
  "user totp": ["totp", "2fa", "mfa", "otp"],
  "group list": ["groups"],
  "group add": ["groupadd", "addgroup"],
  "group set": ["groupmod"],
  "group remove": ["groupdel", "delgroup"],
  "group join": ["join"],
  "folder list": ["folders", "shares", "dirs"],
  "folder share": ["share", "mount"],
  "folder add": ["mkdir"],
  ca: ["cert", "certs", "certificate", "certificates"],
  trash: ["undelete", "recover", "undo"],
  backup: ["dump", "export", "archive", "snapshot"],
  store: ["database", "db", "migrate", "postgres", "postgresql"],
  check: ["doctor", "fsck", "verify", "diagnose", "test"],
  connect: ["sftp", "ssh", "shell", "open", "login", "ftp"],
  put: ["upload", "scp", "send", "cp", "copy"],
  get: ["download", "fetch", "cat"],
  sync: ["rsync", "mirror"],
};

/** The same for commands below another one. A word counts only when the command above has what it means. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  add: ["new", "create", "make", "mk"],
  list: ["ls", "all"],
  show: ["info", "get", "view", "members", "cat"],
  set: ["edit", "change", "modify", "mod", "quota", "update"],
  remove: ["rm", "del", "delete", "drop"],
  passwd: ["password", "pw", "pass"],
  disable: ["lock", "block", "suspend"],
  enable: ["unlock", "unblock"],
  import: ["load", "csv"],
  key: ["keys"],
  access: ["acl", "chmod", "rights", "permissions"],
  totp: ["2fa", "mfa", "otp"],
  unset: ["reset", "delete", "remove", "rm"],
  check: ["show", "list", "get", "ls", "view"],
  unshare: ["revoke"],
};

/**
 * The command that was probably meant by a word that is not a command, as a person would type it.
 * @param below the names of the commands that can stand there; without it: those of the program itself
 */
export function otherWord(word: string, below?: readonly string[]): string | undefined {
  const found = (words: readonly string[]) => words.includes(word.toLowerCase());
  if (below === undefined) return Object.keys(OF_ALL).find((name) => found(OF_ALL[name] ?? []));
  return below.find((name) => found(BELOW[name] ?? []));
}

/** Both tables: each command, and the words that people use for it. */
export const OTHER_WORDS = { ofAll: OF_ALL, below: BELOW } as const;
