import { ssh2SftpClient } from "./suite/clients/libraries.ts";
import { conform } from "./suite/conform.ts";

conform(ssh2SftpClient);
