import { ssh } from "./suite/clients/openssh.ts";
import { conform } from "./suite/conform.ts";

conform(ssh);
