const USER_NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** The rule for user names in words, for messages. */
export const USER_NAME_RULE =
  "1 to 32 characters: a-z, 0-9, '.', '_', '-', beginning with a letter or digit";

/** True for a name a user may have. Such a name is also safe as a directory's name. */
export function isUserName(name: string): boolean {
  return USER_NAME.test(name);
}
