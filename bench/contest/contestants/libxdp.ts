/**
 * libxdp itself, as Debian ships it: xdp-loader puts the programs on one end of a veth pair, and its dispatcher is found there
 * by the id that the kernel names. It needs extension programs, so it runs in the virtual machine.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setGlobals } from "../../../src/codegen/object/globals.ts";
import { openKernel } from "../../../src/loader/index.ts";
import { veth } from "../../../test/support/veth.ts";
import { type Contestant, onlyLines, Owned } from "../contestant.ts";
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
      const pair = owned.own(veth("libxdp"));
      loader("load", "--mode", "native", pair.far, ...files);
      owned.own({ [Symbol.dispose]: () => loader("unload", pair.far, "--all") });
      const kernel = openKernel();
      const fd = owned.own(kernel.programById(kernel.queryXdp(kernel.interfaceIndex(pair.far)).native));
      return { program: fd.number, [Symbol.dispose]: () => owned[Symbol.dispose]() };
    } catch (error) {
      owned[Symbol.dispose]();
      throw error;
    }
  },
};

/** Priority and proceed-on as libxdp reads them from an object. */
function runConfig({ main }: Source, { proceedOn }: Work, k: number): string {
  const actions = proceedOn.map((action) => `\t__uint(XDP_${action.toUpperCase()}, 1);\n`);
  return `\nstruct {\n\t__uint(priority, ${k + 1});\n${actions.join("")}} _${main} SEC(".xdp_run_config");\n`;
}

function loader(...words: readonly string[]): void {
  execFileSync("xdp-loader", words, { stdio: ["ignore", "ignore", "pipe"] });
}
