import type { Effect, FormDialog } from "../model.ts";

/** What comes of a filled-in form: an error shown in it, or something to do. */
export type FormResult = { readonly error: string } | { readonly effect: Effect };

export function value(dialog: FormDialog, name: string): string {
  return dialog.fields.find((field) => field.name === name)?.editor.text ?? "";
}

export function trimmed(dialog: FormDialog, name: string): string {
  return value(dialog, name).trim();
}

export function touched(dialog: FormDialog, name: string): boolean {
  return dialog.fields.some((field) => field.name === name && field.editor.text !== field.initial);
}

/** What stands in those of the fields that were touched. */
export function touchedValues<N extends string>(
  dialog: FormDialog,
  names: readonly N[],
): Partial<Record<N, string>> {
  const changed = names.filter((name) => touched(dialog, name));
  return Object.fromEntries(changed.map((name) => [name, value(dialog, name)])) as Partial<
    Record<N, string>
  >;
}
