import { curl } from "./suite/clients/curl.ts";
import { conform } from "./suite/conform.ts";

conform(curl);
