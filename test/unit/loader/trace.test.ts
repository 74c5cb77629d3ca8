import { describe, expect, it } from "vitest";
import type { Program } from "../../../src/chain/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { imageToTrace } from "../../../src/loader/run/trace.ts";
import { chainOf, sampleProgram } from "../../support/chains.ts";
import { verdictObject } from "../../support/verdict-program.ts";

describe("a chain that freplace binds and call does not link", () => {
  const licensed = (name: string, license: string): Program => {
    const bytes = verdictObject(0).slice();
    readElf(bytes)
      .sections.find((s) => s.name === "license")!
      .data.set(new TextEncoder().encode(license));
    return { name, object: `${name}.bpf.o`, bytes };
  };
  const counters = Array.from({ length: 33 }, (_, i) => ({ ...sampleProgram("counter"), name: `c${i}` }));

  it.each([
    [
      "object-unsupported",
      [licensed("ours", "GPL"), licensed("theirs", "XYZ")],
      /theirs "XYZ": linked into one program/,
    ],
    ["limit", counters, /links programs that use 66 maps .* takes 64 in one program; trace a chain of fewer/],
  ] as const)("%s: the error says that tracing links, and why that cannot be", (code, programs, reason) => {
    const chain = chainOf(programs, { linkage: "freplace" });
    expect(synthesise(chain).slots).toHaveLength(programs.length);
    let error: unknown;
    try {
      imageToTrace(chain);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code, message: expect.stringMatching(reason) as string });
    const { message } = error as Error;
    expect(message).toMatch(/^cannot trace packets through chain test, since tracing links all programs by `call`/);
    // It is declared as that already.
    expect(message).not.toContain("freplace");
  });
});
