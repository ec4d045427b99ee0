import { paramiko } from "./suite/clients/libraries.ts";
import { conform } from "./suite/conform.ts";

conform(paramiko);
