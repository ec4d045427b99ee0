import { z } from "zod";
import type { Setting } from "./settings.ts";

const SHAPE = /^postgres(?:ql)?:\/\/[^\s]+$/;
/** The password in front of the host, and the one behind it. */
const IN_LOGIN = /^(postgres(?:ql)?:\/\/[^:@/?#]*):[^?]*@/;
const IN_QUERY = /([?&]([^=&]*)=)[^&]*/g;

const KIND = "postgres://USER@HOST/DATABASE, or empty";
/** Without the value, which may hold a password. */
const WRONG = "what is there is none";

/** Where PostgreSQL is. What is shown of it never has the password. */
export function databaseUrl(description: string): Setting<string> {
  const schema = z
    .string({ error: WRONG })
    .refine((text) => text === "" || SHAPE.test(text), { error: WRONG });
  return { kind: KIND, default: "", description, schema, format: withoutPassword };
}

export function withoutPassword(url: string): string {
  return url
    .replace(IN_LOGIN, "$1:***@")
    .replace(IN_QUERY, (all, start: string, name: string) =>
      isPassword(name) ? `${start}***` : all,
    );
}

export function hasPassword(url: string): boolean {
  return withoutPassword(url) !== url;
}

/** A name may be written with percent signs. */
function isPassword(name: string): boolean {
  return new URLSearchParams(`${name}=`).has("password");
}
