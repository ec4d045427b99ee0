import { sshfs } from "../support/sshfs-client.ts";
import { conform } from "./suite/conform.ts";

conform(sshfs);
