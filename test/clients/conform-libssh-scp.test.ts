import { libsshScp } from "./suite/clients/libssh.ts";
import { conform } from "./suite/conform.ts";

conform(libsshScp);
