import { aria2 } from "../suite/clients/aria2.ts";
import { conform } from "../suite/conform.ts";

conform(aria2);
