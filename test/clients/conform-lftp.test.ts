import { lftp } from "./suite/clients/lftp.ts";
import { conform } from "./suite/conform.ts";

conform(lftp);
