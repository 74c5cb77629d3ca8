/**
 * Every stage of codegen as text, from one shared set of chains. A golden changes only on purpose: run with `-u`, and read
 * the diff. What depends on the compiler's version, the programs' own instructions, is left out.
 */
import { describe, expect, it } from "vitest";
import { OBJECT_LINKAGES } from "../../src/chain/index.ts";
import {
  formatPlan,
  groupsOf,
  planToC,
  planToDot,
  planToSvg,
  planToText,
  synthesise,
} from "../../src/codegen/index.ts";
import { caseNames, CASES, readCase } from "../support/chains.ts";
import { withSmallPrograms } from "../support/small-program.ts";

it.each(["verdict-kept", "counters"])("%s shows its passes", async (name) => {
  await expect(synthesise(readCase(name)).passes).toMatchFileSnapshot(`${CASES}${name}.call.passes`);
  await expect(synthesise(withSmallPrograms(readCase(name))).passes).toMatchFileSnapshot(
    `${CASES}${name}.inline.passes`,
  );
});

describe.each(caseNames())("%s", (name) => {
  it("plans", async () => {
    const { plan } = synthesise(readCase(name));
    await expect(formatPlan(plan)).toMatchFileSnapshot(`${CASES}${name}.plan`);
  });

  it("is drawn", async () => {
    const chain = readCase(name);
    const { plan } = synthesise(chain);
    const options = { groups: groupsOf(chain) };
    await expect(planToDot(plan, options)).toMatchFileSnapshot(`${CASES}${name}.dot`);
    await expect(planToText(plan, options)).toMatchFileSnapshot(`${CASES}${name}.txt`);
    await expect(planToSvg(plan, options)).toMatchFileSnapshot(`${CASES}${name}.svg`);
  });

  it("is written as C", async () => {
    await expect(planToC(synthesise(readCase(name)).plan)).toMatchFileSnapshot(`${CASES}${name}.c`);
  });

  // The programs' own code stands in the dispatcher: small programs take their places.
  it("is lowered for inline", async () => {
    const image = synthesise(withSmallPrograms(readCase(name)));
    await expect(image.listing).toMatchFileSnapshot(`${CASES}${name}.inline.asm`);
  });

  it.each(OBJECT_LINKAGES.filter((linkage) => linkage !== "inline"))("is lowered for %s", async (auto) => {
    const image = synthesise(readCase(name), { auto });
    const linked = image.slots.some((slot) => slot.symbol === image.main && slot.linkage === "call");
    const text = linked ? `${image.main}: the program itself\n` : image.listing;
    await expect(text).toMatchFileSnapshot(`${CASES}${name}.${auto}.asm`);
  });

  it("gives the same bytes for the same chain", () => {
    expect(synthesise(readCase(name)).elf).toEqual(synthesise(readCase(name)).elf);
  });
});
