import type { Socket } from "node:net";

/** The other end of a connection; undefined where the connection was gone already. */
export interface Endpoint {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** As the system knows it: only as long as the connection is there. */
export function endpointOf({ remoteAddress, remotePort }: Socket): Endpoint {
  return { address: remoteAddress, port: remotePort };
}
