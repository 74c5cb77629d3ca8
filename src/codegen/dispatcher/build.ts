/** Plan -> DispatcherImage: bind each program to its slot, lower the edges, link. */
import { actionCode } from "../../chain/chain.ts";
import { format, type Instruction } from "../asm/index.ts";
import { checkLimits } from "../link/limits.ts";
import { commonLicense } from "../link/license.ts";
import { link } from "../link/link.ts";
import { identifier, numberApart } from "../link/names.ts";
import { type ProgramUnit, programUnits } from "../link/program-unit.ts";
import type { ResolvedProgram } from "../object/program.ts";
import type { Plan } from "../plan/plan.ts";
import type { DispatcherImage, Slot } from "./image.ts";
import { lower } from "./lower.ts";
import { encodeManifest, MANIFEST_SECTION, manifestOf } from "./manifest.ts";
import { leavesVerdictAlone, type SlotCode } from "./reach.ts";
import { stubFunction } from "./stub.ts";
import { type DispatcherFunction, INT } from "./function.ts";
import { TRACE_SECTION } from "./trace.ts";
import { dispatcherUnit, withManifest, withTrace } from "./unit.ts";

const NO_MAPS: Slot["maps"] = new Map();

export interface BuildOptions {
  /** Write what every program did with a packet to a map, see trace.ts. Default: no. */
  readonly trace?: boolean;
}

/**
 * The dispatcher that a plan means. Pure: the same plan gives the same bytes.
 *
 * @throws XdpgenError with what the linker cannot take over from a program, or the limit of the kernel that it meets
 */
export function buildDispatcher(plan: Plan, { trace = false }: BuildOptions = {}): DispatcherImage {
  const dispatcher = `xdpgen_${identifier(plan.chain)}`;
  const { bound, units } = bindPrograms(plan, dispatcher, trace ? [TRACE_SECTION] : []);
  const needless = !trace && plan.nodes.length === 1 && leavesVerdictAlone(plan.nodes[0]!);
  const alone = needless ? bound[0] : undefined;
  // A program that is alone and linked is its own dispatcher.
  const main = alone?.unit ? alone.symbol : dispatcher;

  const functions = ownFunctions(plan, dispatcher, bound, alone, trace);
  checkLimits(plan, functions.length, units);
  const code = dispatcherUnit(functions, `chain ${plan.chain}`);
  const manifest = manifestOf(plan, code.functions);
  const whole = withManifest(code, encodeManifest(manifest, { generation: 0 }));
  const own = trace ? withTrace(whole, plan.nodes.length) : whole;
  const { elf, types } = link({
    units: alone?.unit ? [alone.unit, own] : [own, ...units],
    section: plan.nodes.every(({ program }) => program.frags) ? "xdp.frags" : "xdp",
    license: commonLicense(bound.flatMap(({ program, unit }) => (unit ? [program] : []))),
  });
  const slots = bound.map(({ program: { name, linkage }, unit, symbol: entry }): Slot => {
    const symbol = alone ? main : entry;
    return { program: name, linkage, symbol, btfId: types.get(symbol)!, maps: unit?.mapNames ?? NO_MAPS };
  });
  const shown = alone?.unit ? [{ symbol: main, instructions: alone.unit.functions[0]!.code }] : functions;
  return {
    plan,
    elf,
    main,
    slots,
    manifest,
    get listing() {
      return listing(shown);
    },
  };
}

/** A program and the function that the dispatcher calls for it. */
interface Bound extends SlotCode {
  readonly program: ResolvedProgram;
  /** `call` only. */
  readonly unit: ProgramUnit | undefined;
}

function bindPrograms(
  plan: Plan,
  dispatcher: string,
  taken: readonly string[],
): { bound: readonly Bound[]; units: readonly ProgramUnit[] } {
  const programs = plan.nodes.map(({ program }) => program);
  const extended = programs.filter((program) => program.linkage === "freplace");
  const stubs = numberApart(
    extended.map((program) => identifier(program.name)),
    new Set([dispatcher]),
  );
  const linked = programs.filter((program) => program.linkage === "call");
  const units = programUnits(linked, new Set([dispatcher, ...stubs, MANIFEST_SECTION, ...taken]));
  const unitOf = new Map(linked.map((program, i) => [program, units[i]!]));
  const stubOf = new Map(extended.map((program, i) => [program, stubs[i]!]));
  const bound = programs.map((program): Bound => {
    const unit = unitOf.get(program);
    return unit
      ? { program, unit, symbol: unit.functions[0]!.symbol, codes: program.codes }
      : // A stub that is not bound returns 31, whatever the extension can return.
        { program, unit, symbol: stubOf.get(program)!, codes: "any" };
  });
  return { bound, units };
}

function ownFunctions(
  plan: Plan,
  dispatcher: string,
  bound: readonly Bound[],
  alone: Bound | undefined,
  trace: boolean,
): readonly DispatcherFunction[] {
  if (alone?.unit) return [];
  // The extension replaces the dispatcher's main; without it the chain is empty, and passes.
  if (alone) return [stubFunction(alone.program, dispatcher, actionCode("pass"))];
  const stubs = bound.filter(({ unit }) => !unit).map(({ program, symbol }) => stubFunction(program, symbol));
  return [{ symbol: dispatcher, returns: INT, ...lower(plan, bound, trace) }, ...stubs];
}

function listing(
  functions: readonly { readonly symbol: string; readonly instructions: readonly Instruction[] }[],
): string {
  return functions.map((f) => `${f.symbol}:\n${format(f.instructions)}`).join("\n");
}
