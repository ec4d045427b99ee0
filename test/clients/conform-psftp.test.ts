import { psftp } from "./suite/clients/putty.ts";
import { conform } from "./suite/conform.ts";

conform(psftp);
