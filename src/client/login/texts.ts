import type { Prompts } from "../types.ts";

/** After a password or code that the server did not take. @param left tries */
export function wrongText(left: number): string {
  return `That was not accepted; ${left} ${left === 1 ? "try is" : "tries are"} left.`;
}

/** Why nobody was asked, for the end of a sentence; "" where somebody could be. */
export function nobodyText({ canAsk }: Prompts): string {
  return canAsk === false ? "; there is no terminal to ask on" : "";
}

export function hostQuestion(name: string, print: string): string {
  return `The authenticity of host '${name}' can't be established.\nIts key is ${print}.\nConnect and remember it?`;
}
