import { rclone } from "./suite/clients/rclone.ts";
import { conform } from "./suite/conform.ts";

conform(rclone);
