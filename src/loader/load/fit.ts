/**
 * The dispatchers that a chain can have on this machine: the preferred one, and one that is easier on the verifier. What
 * is inlined is verified on every way that leads to it, so a chain can need more than the million instructions that the
 * verifier walks (BPF_COMPLEXITY_LIMIT_INSNS), though each of its programs is far below; called functions are walked once.
 */
import { type Chain, type Linkage, loadedSource } from "../../chain/chain.ts";
import { type DispatcherImage, type Manifest, synthesise } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { canFreplace } from "../machine/features.ts";
import { type Kernel, KernelError } from "../machine/kernel.ts";
import { discardLog } from "./verifier-log.ts";

export interface Images {
  readonly preferred: DispatcherImage;
  /** Without what linkage `auto` has inlined; undefined where it has inlined nothing. */
  readonly lighter?: () => DispatcherImage;
}

/** @param chain resolved */
export function imagesOf(kernel: Kernel, chain: Chain): Images {
  const auto = asks(chain) && canFreplace(kernel) ? "freplace" : "call";
  const preferred = synthesise(chain, { auto });
  const inlined = preferred.plan.nodes.some(({ program }) => program.auto && program.linkage === "inline");
  if (!inlined) return { preferred };
  let made: DispatcherImage | undefined;
  return { preferred, lighter: () => (made ??= synthesise(chain, { auto, tooLargeToInline: true })) };
}

/** Whether a program leaves its linkage open. Only then is the kernel asked what it allows, which takes four programs and a link. */
function asks({ linkage, programs }: Chain): boolean {
  const open = (one: Linkage | "auto"): boolean => one === "auto" || one === "tail";
  return programs.some((program) => loadedSource(program) === undefined && open(program.linkage ?? linkage));
}

/** The image that runs already, if one of them does. */
export function imageThat(images: Images, runs: (manifest: Manifest) => boolean): DispatcherImage | undefined {
  if (runs(images.preferred.manifest)) return images.preferred;
  const lighter = images.lighter?.();
  return lighter && runs(lighter.manifest) ? lighter : undefined;
}

/** Tries the preferred image, and the lighter one where the verifier has too much to walk. */
export async function firstThatFits<T>(
  { preferred, lighter }: Images,
  attempt: (image: DispatcherImage) => T | Promise<T>,
): Promise<T> {
  try {
    return await attempt(preferred);
  } catch (error) {
    const tooLarge = lighter && refusalAsTooLarge(error);
    if (!tooLarge) throw error;
    discardLog(tooLarge);
    return await attempt(lighter());
  }
}

/** kernel/bpf/verifier.c, do_check and push_stack. */
const TOO_LARGE = /BPF program is too large\. Processed|jumps is too complex/;

function refusalAsTooLarge(error: unknown): KernelError | undefined {
  if (!(error instanceof XdpgenError) || error.code !== "program-rejected") return undefined;
  const { cause } = error;
  return cause instanceof KernelError && TOO_LARGE.test(cause.log) ? cause : undefined;
}
