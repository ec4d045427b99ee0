/** The instance is not as it was left. The message is one line that says what to do about it. */
export class InstanceError extends Error {
  override readonly name = "InstanceError";
}
