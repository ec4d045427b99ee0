import { phpseclib } from "../suite/clients/php.ts";
import { conform } from "../suite/conform.ts";

conform(phpseclib);
