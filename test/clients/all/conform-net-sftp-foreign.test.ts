import { netSftpForeign } from "../suite/clients/perl.ts";
import { conform } from "../suite/conform.ts";

conform(netSftpForeign);
