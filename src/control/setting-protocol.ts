/** A setting in force; secrets never appear. */
export interface SettingInfo {
  /** as in moorage.toml: "limits.max_sessions" */
  readonly name: string;
  readonly value: string;
  readonly source: string;
  /** another value is in force only after a restart */
  readonly restart: boolean;
  /** what a restart would put in force; null: what is in force */
  readonly waiting: string | null;
  readonly default: string;
  /** what a value looks like, with its bounds */
  readonly kind: string;
  readonly description: string;
  /** all the values that there are; null: there are too many */
  readonly options: readonly string[] | null;
  /** why `settings.set` refuses it; empty: it doesn't */
  readonly fixed: string;
}

/** A setting of moorage.toml was changed. */
export interface SettingChange {
  readonly name: string;
  readonly value: string;
  /** what it was before, as the file and the other sources had it; null: that was wrong */
  readonly before: string | null;
  /** false: the file had it so already, and stayed as it is */
  readonly changed: boolean;
  /** false: a restart puts it in force */
  readonly inForce: boolean;
}

/** Method → what it takes and gives. */
export interface SettingMethods {
  settings: { params: Record<string, never>; result: readonly SettingInfo[] };
  /**
   * Writes a setting into moorage.toml and puts it in force, in all servers that read that file.
   * @param value as one would write it; null: the default again
   * @param was what the caller saw; refused when it is something else by now
   */
  "settings.set": {
    params: { readonly name: string; readonly value: string | null; readonly was?: string };
    result: SettingChange;
  };
}
