import { Pacer } from "./pacer.ts";
import type { SessionPace } from "./rates.ts";

const NOBODY = 0;
const free = new Pacer().lane(NOBODY);

/** Nothing is limited, and there is nothing to close. */
export const UNPACED: SessionPace = { upload: free, download: free, close() {} };
