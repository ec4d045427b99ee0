import { scp } from "./suite/clients/openssh.ts";
import { conform } from "./suite/conform.ts";

conform(scp);
