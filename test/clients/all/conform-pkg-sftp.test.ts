import { pkgSftp } from "../suite/clients/golang.ts";
import { conform } from "../suite/conform.ts";

conform(pkgSftp);
