/**
 * Chain -> DispatcherImage. The whole of codegen in one call: resolve, plan, lower, link.
 */
import { actionCode, type Chain, type Linkage } from "../../chain/chain.ts";
import { checkedChain } from "../../chain/edit.ts";
import { format, type Instruction } from "../asm/index.ts";
import { checkLimits } from "../link/limits.ts";
import { commonLicense } from "../link/license.ts";
import { link } from "../link/link.ts";
import { identifier, numberApart } from "../link/names.ts";
import { type ProgramUnit, programUnits } from "../link/program-unit.ts";
import { type ResolvedProgram, resolvePrograms } from "../object/program.ts";
import { buildPlan } from "../plan/build.ts";
import { formatEdges } from "../plan/format.ts";
import type { Plan } from "../plan/plan.ts";
import type { DispatcherImage, Slot } from "./image.ts";
import { leavesVerdictAlone, lower, type SlotCode } from "./lower.ts";
import { encodeManifest, MANIFEST_SECTION, manifestOf } from "./manifest.ts";
import { stubFunction } from "./stub.ts";
import { type DispatcherFunction, INT } from "./function.ts";
import { dispatcherUnit } from "./unit.ts";

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
  const plan = buildPlan(chain, resolvePrograms(checkedChain(chain), options.auto ?? "call"));
  const dispatcher = `xdpgen_${identifier(plan.chain)}`;
  const { bound, units } = bindPrograms(plan, dispatcher);
  const alone = plan.nodes.length === 1 && leavesVerdictAlone(plan.nodes[0]!) ? bound[0] : undefined;
  // A program that is alone and linked is its own dispatcher.
  const main = alone?.unit ? alone.symbol : dispatcher;

  const functions = ownFunctions(plan, dispatcher, bound, alone);
  checkLimits(plan, functions.length, units);
  const manifest = manifestOf(plan, functions);
  const own = dispatcherUnit(functions, encodeManifest(manifest, { generation: 0 }), `chain ${plan.chain}`);
  const { elf, types } = link({
    units: alone?.unit ? [alone.unit, own] : [own, ...units],
    section: plan.nodes.every(({ program }) => program.frags) ? "xdp.frags" : "xdp",
    license: commonLicense(bound.flatMap(({ program, unit }) => (unit ? [program] : []))),
  });
  const slots = bound.map(({ program: { name, linkage }, unit, symbol: entry }): Slot => {
    const symbol = alone ? main : entry;
    return { program: name, linkage, symbol, btfId: types.get(symbol)!, maps: unit?.mapNames ?? new Map() };
  });
  const shown = alone?.unit ? [{ symbol: main, instructions: alone.unit.functions[0]!.code }] : functions;
  return { plan, elf, main, slots, manifest, listing: listing(shown) };
}

/** A program and the function that the dispatcher calls for it. */
interface Bound extends SlotCode {
  readonly program: ResolvedProgram;
  /** `call` only. */
  readonly unit: ProgramUnit | undefined;
}

function bindPrograms(plan: Plan, dispatcher: string): { bound: readonly Bound[]; units: readonly ProgramUnit[] } {
  const programs = plan.nodes.map(({ program }) => program);
  const extended = programs.filter((program) => program.linkage === "freplace");
  const stubs = numberApart(
    extended.map((program) => identifier(program.name)),
    new Set([dispatcher]),
  );
  const linked = programs.filter((program) => program.linkage === "call");
  const units = programUnits(linked, new Set([dispatcher, ...stubs, MANIFEST_SECTION]));
  const bound = programs.map((program): Bound => {
    const unit = units[linked.indexOf(program)];
    return unit
      ? { program, unit, symbol: unit.functions[0]!.symbol, codes: program.codes }
      : // A stub that is not bound returns 31, whatever the extension can return.
        { program, unit, symbol: stubs[extended.indexOf(program)]!, codes: "any" };
  });
  return { bound, units };
}

function ownFunctions(
  plan: Plan,
  dispatcher: string,
  bound: readonly Bound[],
  alone: Bound | undefined,
): readonly DispatcherFunction[] {
  if (alone?.unit) return [];
  // The extension replaces the dispatcher's main; without it the chain is empty, and passes.
  if (alone) return [stubFunction(alone.program, dispatcher, actionCode("pass"))];
  const stubs = bound.filter(({ unit }) => !unit).map(({ program, symbol }) => stubFunction(program, symbol));
  return [mainFunction(plan, dispatcher, bound), ...stubs];
}

function mainFunction(plan: Plan, symbol: string, slots: readonly SlotCode[]): DispatcherFunction {
  const { instructions, starts } = lower(plan, slots);
  const lines = plan.nodes.map((node, i) => ({
    // The first node's block begins with the function.
    index: i === 0 ? 0 : starts[i]!,
    text: `${node.program.name}: ${formatEdges(plan, node)}`,
  }));
  return { symbol, returns: INT, instructions, lines };
}

function listing(
  functions: readonly { readonly symbol: string; readonly instructions: readonly Instruction[] }[],
): string {
  return functions.map((f) => `${f.symbol}:\n${format(f.instructions)}`).join("\n");
}
