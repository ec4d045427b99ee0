import { pscp } from "./suite/clients/putty.ts";
import { conform } from "./suite/conform.ts";

conform(pscp);
