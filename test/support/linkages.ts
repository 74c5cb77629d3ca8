/**
 * The linkages that this kernel can run. One that it cannot is printed with its reason; where `XDPGEN_REQUIRE=freplace` says
 * that the kernel must take extension programs, as in the virtual machine, it is a failure.
 */
import { LINKAGES, type Linkage } from "../../src/chain/index.ts";
import { freplaceSupport, openKernel } from "../../src/loader/index.ts";

export const runnableLinkages: readonly Linkage[] = LINKAGES.filter((linkage) => {
  if (linkage !== "freplace") return true;
  const { supported, reason } = freplaceSupport(openKernel());
  if (!supported && process.env["XDPGEN_REQUIRE"] === "freplace") throw new Error(`linkage freplace: ${reason}`);
  if (!supported) console.warn(`SKIP linkage freplace: ${reason}`);
  return supported;
});
