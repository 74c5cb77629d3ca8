/** Extensions in their slots. */
import { type Fd, isErrno, type Kernel } from "../machine/kernel.ts";

/**
 * Binds an extension to its slot in a dispatcher.
 *
 * @param btfId of the slot's stub
 * @returns the link; undefined where the verifier has removed the stub, because it saw that no packet gets there: since Linux
 *   6.8 it keeps no global function that nothing calls (kernel/bpf/verifier.c, do_check_subprogs)
 */
export function bindExtension(kernel: Kernel, extension: number, dispatcher: number, btfId: number): Fd | undefined {
  try {
    return kernel.linkExtension(extension, dispatcher, btfId);
  } catch (error) {
    if (isErrno(error, "EINVAL") && isRemoved(kernel, dispatcher, btfId)) return undefined;
    throw error;
  }
}

const isRemoved = (kernel: Kernel, dispatcher: number, btfId: number): boolean =>
  !kernel.programFunctions(dispatcher).some(({ type }) => type === btfId);
