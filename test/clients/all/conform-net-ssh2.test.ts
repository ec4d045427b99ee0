import { netSsh2 } from "../suite/clients/perl.ts";
import { conform } from "../suite/conform.ts";

conform(netSsh2);
