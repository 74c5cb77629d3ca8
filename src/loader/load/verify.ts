/**
 * What this machine's verifier says of an image that nothing is done with: the dispatcher and each program are loaded one after
 * the other and let go again. Nothing is attached, pinned or kept, and maps are as large as declared while it lasts.
 */
import { type DispatcherImage, isTailCalled, type ResolvedObject } from "../../codegen/index.ts";
import { openKernel } from "../ffi/index.ts";
import { freplaceSupport } from "../machine/features.ts";
import type { Kernel } from "../machine/kernel.ts";
import { requirePrivilege } from "../machine/privilege.ts";
import { loadDispatcher } from "./dispatcher.ts";
import { freshMaps, type MapBinder } from "./maps.ts";
import { loadAlone, loadExtension } from "./program.ts";
import { type VerifiedImage, type VerifiedProgram, verifiedOf } from "./verified.ts";

/**
 * Every program that comes as an object is verified alone, as an extension where its linkage is `freplace` and the kernel takes
 * those, else as plain XDP; and the dispatcher with all that is linked into it. Slots of programs that are loaded already stay
 * empty.
 *
 * @param kernel default this machine's
 * @throws XdpgenError `environment` without privilege or libbpf; `program-rejected`, which names the program; `kernel`
 */
export function verifyImage(image: DispatcherImage, kernel: Kernel = privilegedKernel(image)): VerifiedImage {
  const binder = freshMaps(kernel, image.manifest);
  const programs = image.plan.nodes.flatMap(({ program }) =>
    isTailCalled(program) ? [] : [verifyProgram(kernel, binder, program)],
  );
  using dispatcher = loadDispatcher(kernel, binder, image, 0);
  return { dispatcher: verifiedOf(kernel, dispatcher), programs };
}

function privilegedKernel({ manifest }: DispatcherImage): Kernel {
  requirePrivilege(`have the kernel verify chain ${manifest.chain}`);
  return openKernel();
}

function verifyProgram(kernel: Kernel, binder: MapBinder, program: ResolvedObject): VerifiedProgram {
  const { name, linkage } = program;
  const because = linkage === "freplace" ? freplaceSupport(kernel).reason : undefined;
  if (linkage === "freplace" && because === undefined) {
    using extension = loadExtension(kernel, binder, program);
    return { program: name, as: "extension", ...verifiedOf(kernel, extension) };
  }
  using alone = loadAlone(kernel, program);
  return { program: name, as: "xdp", ...(because !== undefined && { because }), ...verifiedOf(kernel, alone) };
}
