/** Something outside the harness said no: a package server, a missing tool, a bad option. Its message is shown without a stack. */
export class VmFailure extends Error {
  override readonly name = "VmFailure";
  /** The harness's own exit status: 2 when the command line or the machine must change first, else 1. */
  readonly status: 1 | 2;

  constructor(message: string, status: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
