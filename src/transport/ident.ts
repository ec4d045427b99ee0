/** The server's identification after "SSH-2.0-": no version of ours or of node. */
export const IDENT = "Moorage";
