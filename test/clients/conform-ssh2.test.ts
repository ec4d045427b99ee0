import { ssh2 } from "./suite/clients/libraries.ts";
import { conform } from "./suite/conform.ts";

conform(ssh2);
