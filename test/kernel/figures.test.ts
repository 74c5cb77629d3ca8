/**
 * The figures of chains against those of the kernel: what it counts of a loaded program, what its verifier says, and what
 * bpftool, which nobody here wrote, has it say.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { Chain, Program } from "../../src/chain/index.ts";
import { type DispatcherImage, isLinkedProgram, resolvePrograms, synthesise } from "../../src/codegen/index.ts";
import { openObject, xdpFunctions } from "../../src/codegen/object/open.ts";
import { XdpgenError } from "../../src/errors.ts";
import { freplaceSupport, loadXdp, openKernel, verifyImage, type VerifiedImage } from "../../src/loader/index.ts";
import { NO_PAST } from "../../src/loader/live/history.ts";
import { loadDispatcher } from "../../src/loader/load/dispatcher.ts";
import { mapBinder } from "../../src/loader/load/maps.ts";
import { loadAlone } from "../../src/loader/load/program.ts";
import { requireBpffs } from "../../src/loader/machine/bpffs.ts";
import { chainOf, sampleProgram, testProgram } from "../support/chains.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { withFile } from "../support/llvm.ts";
import { compiledObjects, distributionObjects } from "../support/objects.ts";
import { kernelMissing } from "../support/samples.ts";
import { EMULATED, skipInShort } from "./cli/world.ts";

const PIN = `/sys/fs/bpf/xdpgen-figures-${process.pid}`;

/** Objects with one XDP program, as programs. */
function programs(): readonly Program[] {
  return [...compiledObjects(), ...distributionObjects()].flatMap(([object, bytes]): readonly Program[] => {
    if (xdpFunctions(openObject(bytes)).length !== 1) return [];
    return [{ name: object.replaceAll(/^.*\/|(\.bpf)?\.o$/g, "").replaceAll("_", "-"), object, bytes }];
  });
}

const EACH_THIRD = "each third program";
/** Where all take minutes, one part is left to the host. */
const PARTS = [EACH_THIRD, "the other programs"] as const;
const programsOf = (part: (typeof PARTS)[number]): readonly Program[] =>
  programs().filter((_, index) => (index % 3 === 0) === (part === EACH_THIRD));

/** Undefined where codegen or this kernel refuses the chain. */
function taken(chain: Chain): { readonly image: DispatcherImage; readonly verified: VerifiedImage } | undefined {
  try {
    const image = synthesise(chain);
    return { image, verified: verifyImage(image) };
  } catch (error) {
    if (error instanceof XdpgenError) return undefined;
    throw error;
  }
}

const binderOf = ({ manifest }: DispatcherImage) => mapBinder(openKernel(), "", NO_PAST, manifest);

/** What the verifier says of the first program of an object that bpftool loads. */
function bpftoolSays(elf: Uint8Array): string {
  return withFile(elf, (path) => {
    const options = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
    const { stdout, stderr } = spawnSync("bpftool", ["-d", "prog", "load", path, PIN, "type", "xdp"], options);
    rmSync(PIN, { force: true });
    return `${stdout}${stderr}`;
  });
}

/** Kernels later than 6.1 count frames in steps of eight bytes. */
const inSteps = (bytes: number): number => 8 * Math.ceil(bytes / 8);

describe.skipIf(kernelMissing())("figures of chains", () => {
  beforeAll(() => void requireBpffs(openKernel(), () => {}));

  it.for(runnableLinkages.flatMap((linkage) => PARTS.map((part) => ({ linkage, part }))))(
    "linkage $linkage: functions, maps and frames are as many as the kernel counts, $part",
    ({ linkage, part }, context) => {
      if (linkage !== "freplace") skipInShort(context, "seen here by freplace, and on the host by this linkage");
      context.skip(
        EMULATED && linkage !== "freplace" && part !== EACH_THIRD,
        "seen on the host; to load all takes minutes here",
      );
      const kernel = openKernel();
      let compared = 0;
      for (const program of programsOf(part)) {
        const found = taken(chainOf([program, testProgram("action")], { linkage }));
        if (!found) continue;
        const { dispatcher, programs: alone } = found.image.figures;
        using loaded = loadDispatcher(kernel, binderOf(found.image), found.image, 0);
        const info = kernel.programInfo(loaded.program.fd());
        // libbpf binds the manifest to the program, which no code uses.
        const kernels = { functions: info.functions, maps: info.mapIds.length - 1 };
        expect([program.name, kernels]).toEqual([
          program.name,
          { functions: dispatcher.functions, maps: dispatcher.maps },
        ]);
        const of = (figures: typeof dispatcher, [own, ...below]: VerifiedImage["dispatcher"]["frames"]): void => {
          expect(below.length).toBe(figures.functions - 1);
          if (figures.frame === null) return;
          expect([program.name, inSteps(figures.frame)]).toEqual([program.name, inSteps(own!.bytes)]);
          if (figures.stack === null) return;
          expect(figures.stack).toBeGreaterThanOrEqual(Math.max(own!.bytes, ...below.map(({ bytes }) => bytes)));
        };
        of(dispatcher, found.verified.dispatcher.frames);
        alone.forEach((figures, index) => of(figures, found.verified.programs[index]!.frames));
        compared++;
      }
      expect(compared).toBeGreaterThan(part === EACH_THIRD ? 6 : 13);
    },
  );

  it.each(runnableLinkages)(
    "linkage %s: the verifier says the same to bpftool, and the kernel keeps a part of it",
    (linkage) => {
      const kernel = openKernel();
      const names = ["counter", "denylist", "firewall", "ratelimit"];
      const chain = chainOf([...names.map(sampleProgram), testProgram("globals")], { linkage });
      const { image, verified } = taken(chain)!;
      const said = bpftoolSays(image.elf);
      const frames = verified.dispatcher.frames.map(({ bytes }) => bytes).join("+");
      expect(said).toMatch(new RegExp(`^stack depth ${frames.replaceAll("+", "\\+")}( max \\d+)?$`, "m"));
      expect(said).toMatch(new RegExp(`^processed ${verified.dispatcher.verifiedInstructions} insns `, "m"));
      expect(verified.dispatcher.microseconds).toBeGreaterThan(0);
      const max = / max (\d+)$/m.exec(/^stack depth .*$/m.exec(said)![0])?.[1];
      if (max !== undefined) expect(image.figures.dispatcher.stack).toBeGreaterThanOrEqual(Number(max));

      using loaded = loadDispatcher(kernel, binderOf(image), image, 0);
      const fdinfo = readFileSync(`/proc/self/fdinfo/${loaded.program.fd()}`, "utf8");
      const { verifiedInstructions } = kernel.programInfo(loaded.program.fd());
      const kept = Number(/^verified_insns:\s+(\d+)$/m.exec(fdinfo)?.[1] ?? 0);
      expect(verifiedInstructions).toBe(kept);
      if (kept > 0) expect(verified.dispatcher.verifiedInstructions).toBe(kept);
      expect(verified.dispatcher.frames.map((frame) => frame.function)).toEqual(
        linkage === "inline"
          ? expect.arrayContaining(["xdpgen_test"])
          : expect.arrayContaining(["xdpgen_test", linkage === "call" ? "xdp_denylist" : "denylist"]),
      );
    },
  );

  it("verifies each program as what it will be, and leaves nothing loaded", () => {
    const open = (): readonly string[] => readdirSync("/proc/self/fd");
    const before = open().length;
    const image = synthesise(chainOf([sampleProgram("denylist"), sampleProgram("echo")], { linkage: "freplace" }));
    const { programs: alone } = verifyImage(image);
    const { supported, reason } = freplaceSupport(openKernel());
    for (const one of alone) {
      expect(one).toMatchObject(supported ? { as: "extension" } : { as: "xdp", because: reason });
      expect(one.verifiedInstructions).toBeGreaterThan(10);
      expect(one.frames).toHaveLength(1);
    }
    expect(open().length).toBe(before);
  });

  it("verifies alone a program whose map of programs holds some from the start", () => {
    const program = { ...testProgram("map-of-programs"), function: "xdp_map_of_programs" };
    const { programs: alone } = verifyImage(synthesise(chainOf([program], { linkage: "call" })));
    expect(alone[0]!.frames.map((frame) => frame.function)).toEqual(["xdp_map_of_programs", "enter"]);
  });

  it("says of a program that is refused what is said where no figures are asked for", () => {
    const program = testProgram("rejected");
    const lastLines = (load: () => Disposable): string | undefined => {
      try {
        load()[Symbol.dispose]();
      } catch (error) {
        return /The log ends with\n([^]*)\nThe whole log is in/.exec(String(error))?.[1];
      }
      return undefined;
    };
    const [resolved] = resolvePrograms(chainOf([program]), "call").filter(isLinkedProgram);
    const plain = lastLines(() => loadXdp(program.bytes!, resolved!.function));
    expect(plain?.split("\n").length).toBeGreaterThan(3);
    expect(lastLines(() => loadAlone(openKernel(), resolved!))).toBe(plain);
  });
});
