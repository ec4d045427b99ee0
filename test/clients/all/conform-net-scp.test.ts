import { netScp } from "../suite/clients/ruby.ts";
import { conform } from "../suite/conform.ts";

conform(netScp);
