/**
 * libxdp itself, as Debian ships it: xdp-loader puts the programs on one end of a veth pair, and its dispatcher is found there
 * by the id that the kernel names. It needs extension programs, so it runs in the virtual machine.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireCommand } from "../../../scripts/debian/run.ts";
import { setGlobals } from "../../../src/codegen/object/globals.ts";
import { openKernel } from "../../../src/loader/index.ts";
import type { Fd, Kernel } from "../../../src/loader/machine/kernel.ts";
import { veth } from "../../../test/support/veth.ts";
import { type Contestant, onlyLines, Owned, Refused } from "../contestant.ts";
import { type Source, sourcesOf } from "../sources.ts";
import type { Work } from "../work.ts";
import { freplaceRefusal } from "./xdpgen.ts";

const MOST = 10;

export const libxdp: Contestant = {
  name: "libxdp",
  what: "Debian's xdp-loader with libxdp: its dispatcher of ten slots, the programs as extensions",
  refusal: (work) => (work.programs > MOST ? "its dispatcher has ten slots" : onlyLines(work)),
  refusedHere: freplaceRefusal,
  sources: (work) => sourcesOf(work).map((source, k) => source.text + runConfig(source, work, k)),
  load(work, objects) {
    const owned = new Owned();
    try {
      const folder = mkdtempSync(join(tmpdir(), "xdpgen-bench-"));
      owned.own({ [Symbol.dispose]: () => rmSync(folder, { recursive: true }) });
      const sources = sourcesOf(work);
      const files = objects.map((bytes, k) => {
        const file = join(folder, `p${k}.o`);
        writeFileSync(file, setGlobals(bytes, sources[k]!.globals));
        return file;
      });
      const kernel = openKernel();
      const fd = owned.own(attached(kernel, files));
      owned.own({ [Symbol.dispose]: () => loader("clean") });
      return { program: fd.number, [Symbol.dispose]: () => owned[Symbol.dispose]() };
    } catch (error) {
      owned[Symbol.dispose]();
      throw error;
    }
  },
};

/**
 * Its dispatcher, off the interface again: a program more on some interface would add to every run of all contestants, because
 * the kernel looks for a program among those that are attached (kernel/bpf/dispatcher.c). Its pins hold it together.
 */
function attached(kernel: Kernel, files: readonly string[]): Fd {
  using pair = veth("libxdp");
  loader("load", "--mode", "native", pair.far, ...files);
  return kernel.programById(kernel.queryXdp(kernel.interfaceIndex(pair.far)).native);
}

/** Priority and proceed-on as libxdp reads them from an object. */
function runConfig({ main }: Source, { proceedOn }: Work, k: number): string {
  const actions = proceedOn.map((action) => `\t__uint(XDP_${action.toUpperCase()}, 1);\n`);
  return `\nstruct {\n\t__uint(priority, ${k + 1});\n${actions.join("")}} _${main} SEC(".xdp_run_config");\n`;
}

/** @throws Refused with the last that it says */
function loader(...words: readonly string[]): void {
  const { status, stderr } = spawnSync(requireCommand("xdp-loader", "xdp-tools"), words, { encoding: "utf8" });
  if (status === 0) return;
  throw new Refused(`xdp-loader ${words[0]}: ${stderr.trim().split("\n").at(-1)}`);
}
