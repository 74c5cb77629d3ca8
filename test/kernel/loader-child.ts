/**
 * One swap, or takeover, in a process of its own, which kills itself before its `at`-th call of the kernel, or, where `at` is `swapped`, when
 * the link has been updated. Prints the calls made.
 */
import type { Linkage } from "../../src/chain/index.ts";
import { openKernel } from "../../src/loader/ffi/index.ts";
import { attach } from "../../src/loader/index.ts";
import { networkNamespace } from "../../src/loader/machine/interface.ts";
import { chainOf } from "../support/chains.ts";
import { numbered } from "../support/verdict-program.ts";
import { watched } from "../support/watched-kernel.ts";

const [device, linkage, history, at, ...programs] = process.argv.slice(2);
const real = openKernel();
const die = (): void => void process.kill(process.pid, "SIGKILL");
const updateLink: typeof real.updateLink = (...args) => {
  real.updateLink(...args);
  if (at === "swapped") die();
};
const kernel = watched({ ...real, updateLink }, (count, call) => {
  if (count === Number(at)) die();
  process.stdout.write(`${call}\n`);
});
const machine = { kernel, root: "/sys/fs/bpf/xdpgen", netns: networkNamespace() };
await attach(
  chainOf(
    programs.map((k) => numbered(Number(k))),
    { linkage: linkage as Linkage, history: Number(history) },
  ),
  device!,
  { machine, replace: true },
);
