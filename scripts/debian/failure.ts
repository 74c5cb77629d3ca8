/**
 * Something outside the scripts said no: a package server, a missing tool, a full disk, a bad option. Its message is shown
 * without a stack.
 */
export class ScriptFailure extends Error {
  override readonly name = "ScriptFailure";
  /** The script's own exit status: 2 when the command line or the machine must change first, else 1. */
  readonly status: 1 | 2;

  constructor(message: string, status: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
