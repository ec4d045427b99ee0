import { phpSsh2 } from "../suite/clients/php.ts";
import { conform } from "../suite/conform.ts";

conform(phpSsh2);
