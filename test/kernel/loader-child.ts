/** One swap in a process of its own, which kills itself before its `at`-th call of the kernel. Prints the calls made. */
import { openKernel } from "../../src/loader/ffi/index.ts";
import { attach } from "../../src/loader/index.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import type { Linkage } from "../../src/chain/index.ts";
import { chainOf } from "../support/chains.ts";
import { watched } from "../unit/loader/faults.ts";
import { numbered } from "../unit/loader/world.ts";

const [device, linkage, history, at, ...programs] = process.argv.slice(2);
const kernel = watched(openKernel(), (count, call) => {
  if (count === Number(at)) process.kill(process.pid, "SIGKILL");
  process.stdout.write(`${call}\n`);
});
const machine = { kernel, root: "/sys/fs/bpf/xdpgen", netns: networkNamespace() };
await attach(
  chainOf(
    programs.map((k) => numbered(Number(k))),
    { linkage: linkage as Linkage, history: Number(history) },
  ),
  device!,
  { machine },
);
