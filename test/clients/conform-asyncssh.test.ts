import { asyncssh } from "./suite/clients/libraries.ts";
import { conform } from "./suite/conform.ts";

conform(asyncssh);
