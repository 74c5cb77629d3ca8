/**
 * Chain -> DispatcherImage. The whole of codegen in one call: resolve, plan, lower, link.
 */
import { actionCode, type Chain, type Linkage } from "../../chain/chain.ts";
import { format, type Instruction } from "../asm/index.ts";
import { checkLimits } from "../link/limits.ts";
import { commonLicense } from "../link/license.ts";
import { link } from "../link/link.ts";
import { identifier } from "../link/names.ts";
import { type ProgramUnit, programUnits } from "../link/program-unit.ts";
import { type ResolvedProgram, resolvePrograms } from "../object/program.ts";
import { buildPlan } from "../plan/build.ts";
import { formatEdges } from "../plan/format.ts";
import type { Plan } from "../plan/plan.ts";
import type { DispatcherImage, Slot } from "./image.ts";
import { leavesVerdictAlone, lower, type SlotCode } from "./lower.ts";
import { encodeManifest, manifestOf } from "./manifest.ts";
import { stubFunction, stubSymbol } from "./stub.ts";
import { type DispatcherFunction, dispatcherUnit, INT } from "./unit.ts";

export interface SynthesiseOptions {
  /** What linkage `auto` means: what the machine allows is the loader's knowledge. Default `call`. */
  readonly auto?: Linkage;
}

/**
 * The dispatcher for exactly this chain. Pure: the same chain gives the same bytes.
 *
 * @throws XdpgenError with every mistake of the chain's programs at once, or the limit of the kernel that it meets
 */
export function synthesise(chain: Chain, options: SynthesiseOptions = {}): DispatcherImage {
  const plan = buildPlan(chain, resolvePrograms(chain, options.auto ?? "call"));
  const main = `xdpgen_${identifier(plan.chain)}`;
  const stubs = plan.nodes.filter(({ program }) => program.linkage === "freplace").map(({ program }) => program);
  const taken = new Set([main, ...stubs.map(stubSymbol)]);
  const linked = plan.nodes.map(({ program }) => program).filter((program) => program.linkage === "call");
  const units = programUnits(linked, taken);
  checkLimits(plan, units);

  const manifest = manifestOf(plan);
  const own = (functions: readonly DispatcherFunction[]) =>
    dispatcherUnit(functions, encodeManifest(manifest, { generation: 0 }), `chain ${plan.chain}`);
  const unitOf = (program: ResolvedProgram): ProgramUnit | undefined => units[linked.indexOf(program)];
  const common = {
    section: plan.nodes.every(({ program }) => program.frags) ? ("xdp.frags" as const) : ("xdp" as const),
    license: commonLicense(linked),
  };

  const alone = plan.nodes.length === 1 && leavesVerdictAlone(plan.nodes[0]!) ? plan.nodes[0]!.program : undefined;
  if (alone?.linkage === "call") {
    // The program itself is the dispatcher.
    const unit = unitOf(alone);
    const symbol = unit!.functions[0]!.symbol;
    const { elf, types } = link({ ...common, units: [unit!, own([])] });
    const slot = slotFor(alone, symbol, types.get(symbol)!, unit);
    return {
      plan,
      elf,
      main: symbol,
      slots: [slot],
      manifest,
      listing: listing([{ symbol, instructions: unit!.functions[0]!.code }]),
    };
  }

  const functions = alone
    ? // The extension replaces the dispatcher's main; without it the chain is empty, and passes.
      [{ ...stubFunction(alone, actionCode("pass")), symbol: main }]
    : [mainFunction(plan, main, unitOf), ...stubs.map((program) => stubFunction(program))];
  const { elf, types } = link({ ...common, units: [own(functions), ...units] });
  const slots = plan.nodes.map(({ program }): Slot => {
    const unit = unitOf(program);
    const symbol = alone ? main : (unit?.functions[0]!.symbol ?? stubSymbol(program));
    return slotFor(program, symbol, types.get(symbol)!, unit);
  });
  return { plan, elf, main, slots, manifest, listing: listing(functions) };
}

function mainFunction(
  plan: Plan,
  symbol: string,
  unitOf: (program: ResolvedProgram) => ProgramUnit | undefined,
): DispatcherFunction {
  const slots = plan.nodes.map(({ program }): SlotCode => {
    const unit = unitOf(program);
    // An unbound stub returns 31, and an extension can be replaced by one that nobody here has read.
    return unit
      ? { symbol: unit.functions[0]!.symbol, codes: program.codes }
      : { symbol: stubSymbol(program), codes: "any" };
  });
  const { instructions, starts } = lower(plan, slots);
  const lines = plan.nodes.map((node, i) => ({
    // The first node's block begins with the function.
    index: i === 0 ? 0 : starts[i]!,
    text: `${node.program.name}: ${formatEdges(plan, node)}`,
  }));
  return { symbol, returns: INT, instructions, lines };
}

function slotFor(program: ResolvedProgram, symbol: string, btfId: number, unit: ProgramUnit | undefined): Slot {
  return { program: program.name, linkage: program.linkage, symbol, btfId, maps: unit?.mapNames ?? new Map() };
}

function listing(
  functions: readonly { readonly symbol: string; readonly instructions: readonly Instruction[] }[],
): string {
  return functions.map((f) => `${f.symbol}:\n${format(f.instructions)}`).join("\n");
}
