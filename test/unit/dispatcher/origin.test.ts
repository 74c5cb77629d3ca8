/** Whose code an instruction of a loaded dispatcher is, against what the linker put where. */
import { describe, expect, it } from "vitest";
import type { Linkage } from "../../../src/chain/index.ts";
import { type DispatcherImage, originOf, synthesise } from "../../../src/codegen/index.ts";
import { openObject } from "../../../src/codegen/object/open.ts";
import { chainOf, sampleProgram, testProgram } from "../../support/chains.ts";

const PROGRAMS = ["globals", "callback", "hidden"].map((name) => testProgram(name));

/** Origins of all instructions, as `program function file`, one after the other where they change. */
function origins(image: DispatcherImage): readonly string[] {
  const { functions } = openObject(image.elf);
  const slots = functions.reduce((sum, { size }) => sum + size / 8, 0);
  const all = Array.from({ length: slots }, (_, at) => originOf(image, at)!);
  expect(originOf(image, slots)).toBeUndefined();
  const texts = all.map((o) => [o.program ?? "-", o.function, o.line?.file.split("/").at(-1) ?? "-"].join(" "));
  return texts.filter((text, at) => text !== texts[at - 1]);
}

const of = (linkage: Linkage): readonly string[] => origins(synthesise(chainOf(PROGRAMS, { linkage })));

describe("originOf", () => {
  it("knows the functions of called programs in the order in which libbpf meets them", () => {
    const order = [...new Set(of("call").map((text) => text.replace(/ \S+$/, "")))].filter(
      (text) => !/xdpgen/.test(text),
    );
    expect(order).toEqual([
      "globals xdp_globals",
      "globals globals_advance",
      "globals choose",
      "globals entry",
      "callback xdp_callback",
      "callback add_weight",
      "hidden xdp_hidden",
      "hidden hidden_advance",
    ]);
  });

  it("knows whose part of the main function an instruction stands in", () => {
    const order = of("inline").filter((text) => text.includes(" xdpgen_test ") && !text.endsWith(" -"));
    expect([...new Set(order)]).toEqual([
      "globals xdpgen_test globals.bpf.c",
      "callback xdpgen_test callback.bpf.c",
      "hidden xdpgen_test hidden.bpf.c",
    ]);
    expect(of("inline")).toContain("hidden hidden_advance hidden.bpf.c");
  });

  it("knows a program that is its own dispatcher", () => {
    const image = synthesise(chainOf([sampleProgram("counter")], { linkage: "call" }));
    expect(image.main).toBe("xdp_counter");
    expect(new Set(origins(image).map((text) => text.split(" ")[0]))).toEqual(new Set(["counter"]));
  });
});
