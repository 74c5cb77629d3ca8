/** Programs run by the kernel on frames that somebody gives (`BPF_PROG_TEST_RUN`): what it refuses comes back in words. */
import { XdpgenError } from "../../errors.ts";
import { isErrno, type Kernel, KernelError, type TestRunOptions, type TestRunResult } from "../machine/kernel.ts";

/** The Ethernet header, which BPF_PROG_TEST_RUN asks for (net/bpf/test_run.c, bpf_prog_test_run_xdp). */
const ETH_HLEN = 14;

/** What it says of a frame, and of the place that it is said to come from. */
const REFUSALS = ["EINVAL", "ENODEV", "E2BIG", "EMSGSIZE", "ENOMEM"];

/**
 * @param otherwise what else the kernel can mean when it refuses, in clauses that follow one of the frame
 * @throws XdpgenError `packet-invalid` for a frame, or what is said of it, that the kernel refuses, and for one that comes out too
 *   long; `kernel` for all else
 */
export async function testRun(
  kernel: Kernel,
  program: number,
  options: TestRunOptions,
  otherwise: readonly string[] = others(options),
): Promise<TestRunResult> {
  const { length } = options.data;
  if (length < ETH_HLEN) {
    throw new XdpgenError("packet-invalid", `the frame has ${length} bytes, less than an Ethernet header (14)`);
  }
  try {
    return await kernel.testRun(program, options);
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    const { errnoName, message } = cause;
    if (isErrno(cause, "ENOSPC")) {
      const what = `the frame of ${length} bytes came out longer than there is room for (${errnoName})`;
      throw new XdpgenError("packet-invalid", `${what}: a program makes it longer by 64 KiB or more`, { cause });
    }
    if (!isErrno(cause, ...REFUSALS)) {
      throw new XdpgenError("kernel", `cannot run a frame of ${length} bytes: ${message}`, { cause });
    }
    const why = ["it is too long for programs without frags", ...otherwise].join(", or ");
    throw new XdpgenError(
      "packet-invalid",
      `the kernel does not run a frame of ${length} bytes (${errnoName}): ${why}`,
      {
        cause,
      },
    );
  }
}

function others({ context, liveFrames, batchSize }: TestRunOptions): readonly string[] {
  return [
    ...(context ? ["its context is none that this kernel takes (Linux 5.15 takes the first)"] : []),
    ...(liveFrames ? ["the kernel is older than 5.18 and sends no live frames"] : []),
    ...(batchSize === undefined ? [] : [`${batchSize} are too many for a batch (256)`]),
  ];
}
