/**
 * The linkages that this kernel can run. One that it cannot is printed with its reason; where `XDPGEN_REQUIRE=freplace` says
 * that the kernel must take extension programs, as in the virtual machine, it is a failure.
 */
import { OBJECT_LINKAGES, type ObjectLinkage } from "../../src/chain/index.ts";
import { freplaceSupport, openKernel } from "../../src/loader/index.ts";

export const runnableLinkages: readonly ObjectLinkage[] = OBJECT_LINKAGES.filter((linkage) => {
  if (linkage !== "freplace") return true;
  const { supported, reason } = freplaceSupport(openKernel());
  if (!supported && process.env["XDPGEN_REQUIRE"] === "freplace") throw new Error(`linkage freplace: ${reason}`);
  if (!supported) console.warn(`SKIP linkage freplace: ${reason}`);
  return supported;
});

/**
 * For suites of what the loader and the commands do. In the guest, where all is fifteen times slower, only the linkages that
 * this machine's own kernel may refuse: the others are left to it. What linkages mean for packets is tested on every kernel with
 * all, and so is a swap under traffic.
 */
export const loaderLinkages: readonly ObjectLinkage[] =
  process.env["XDPGEN_VM"] === undefined ? runnableLinkages : runnableLinkages.filter((one) => one === "freplace");
if (loaderLinkages.length < runnableLinkages.length)
  console.warn(
    "SKIP call and inline, of what the loader and the commands do: left to a run on this machine's own kernel",
  );
