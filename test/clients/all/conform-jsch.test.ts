import { jsch } from "../suite/clients/java.ts";
import { conform } from "../suite/conform.ts";

conform(jsch);
