/**
 * Plan -> DispatcherImage: bind each program to its slot, lower the edges, link. The whole way of a chain, and where each
 * step is:
 *
 *     plan            the graph that the chain means                                  ../plan
 *     settle          the linkages that the kernel's limits allow                     settle.ts
 *     bind            the function, stub or code that a slot enters                   build.ts
 *     keepReachable   what is said to return anything, so that all nodes are reached  reach.ts
 *     blocks          a block for each program, and for each verdict of the chain's   blocks.ts
 *     trace, count    what is written down behind each program                        trace.ts, count.ts
 *     unreached       without the blocks that nothing leads to                        unreached.ts
 *     decide          the fewest compares at the end of a block                       decide.ts
 *     instructions    one list, without the jumps that fall through                   lower.ts
 *     layout          labels become distances                                         ../asm/layout.ts
 *     link            with the programs' functions, maps and types: one object        ../link
 *
 * All but the last two print themselves: `xdpgen build chain.yaml --emit passes` (format-passes.ts). What those two make
 * is the object, which `xdpgen disasm` prints.
 */
import { actionCode } from "../../chain/chain.ts";
import { format, type Instruction, slotOffsets } from "../asm/index.ts";
import { commonLicense } from "../link/license.ts";
import { checkLimits } from "../link/limits.ts";
import { link } from "../link/link.ts";
import { identifier, numberApart } from "../link/names.ts";
import { type ProgramUnit, programUnits } from "../link/program-unit.ts";
import type { Unit, UnitFunction } from "../link/unit.ts";
import { frameSize, MAX_STACK } from "../object/frame.ts";
import { isExtension, isLinkedProgram, isTailCalled, type ResolvedObject } from "../object/program.ts";
import { exitWays } from "../object/returns.ts";
import { staleSlots } from "../object/stale.ts";
import { checkLoaded } from "../plan/loaded.ts";
import type { Plan } from "../plan/plan.ts";
import { COUNTERS_MAP, withCounters } from "./counters.ts";
import { imageFigures } from "./figures.ts";
import { type BoundProgram, formatPasses } from "./format-passes.ts";
import { type DispatcherFunction, INT } from "./function.ts";
import type { DispatcherImage, Slot } from "./image.ts";
import { type InlinedAt, lower } from "./lower.ts";
import { encodeManifest, MANIFEST_SECTION, manifestOf } from "./manifest.ts";
import { leavesVerdictAlone, type SlotBody } from "./reach.ts";
import { stubFunction } from "./stub.ts";
import { programArray, tailFunction, withProgramArray } from "./tail.ts";
import { TRACE_SECTION } from "./trace.ts";
import { dispatcherUnit, sourceOfChain, withManifest, withTrace } from "./unit.ts";

const NO_MAPS: Pick<ProgramUnit, "mapNames" | "filled"> = { mapNames: new Map(), filled: new Set() };

export interface BuildOptions {
  /** Write what every program did with a packet to a map, see trace.ts, and count nothing. Default: no. */
  readonly trace?: boolean;
}

/**
 * The dispatcher that a plan means. Pure: the same plan gives the same bytes.
 *
 * @throws XdpgenError with what the linker cannot take over from a program, or the limit of the kernel that it meets
 */
export function buildDispatcher(plan: Plan, { trace = false }: BuildOptions = {}): DispatcherImage {
  const dispatcher = `xdpgen_${identifier(plan.chain)}`;
  const { counters } = plan;
  const needless = !trace && !counters && plan.nodes.length === 1 && leavesVerdictAlone(plan.nodes[0]!);
  const taken = trace ? [TRACE_SECTION] : counters ? [COUNTERS_MAP] : [];
  const bound = bindPrograms(plan, dispatcher, { taken, alone: needless });
  const alone = needless ? bound[0] : undefined;
  // A program that is alone and linked is its own dispatcher.
  const main = alone?.unit ? alone.symbol : dispatcher;

  const { functions, inlined } = ownFunctions(plan, dispatcher, bound, alone, trace);
  const contributions = contributionsOf(bound, functions[0], inlined);
  checkLoaded(plan);
  const entries = functions.map(({ symbol, instructions }) => ({ symbol, code: instructions }));
  checkLimits(plan, alone?.unit ? [alone.unit.functions[0]!] : entries, contributions);
  const code = dispatcherUnit(functions, sourceOfChain(plan.chain));
  const manifest = manifestOf(plan, code.functions);
  const whole = withManifest(code, encodeManifest(manifest, { generation: 0 }));
  const watched = trace ? withTrace(whole, plan.nodes.length) : counters ? withCounters(whole, plan) : whole;
  const own = bound.reduce((unit, { array }) => (array === undefined ? unit : withProgramArray(unit, array)), watched);
  const { elf, types } = link({
    units: alone?.unit ? [alone.unit, own] : [own, ...contributions],
    section: plan.nodes.every(({ program }) => program.frags) ? "xdp.frags" : "xdp",
    license: commonLicense(plan.nodes.map(({ program }) => program).filter(isLinkedProgram)),
  });
  const slots = bound.map(({ program: { name, linkage }, unit, body, symbol: entry, array }): Slot => {
    const symbol = alone || body ? main : entry;
    const { mapNames: maps, filled } = unit ?? NO_MAPS;
    const btfId = types.get(symbol)!;
    return { program: name, linkage, symbol, btfId, maps, filled, ...(array !== undefined && { array }) };
  });
  const shown = alone?.unit ? [{ symbol: main, instructions: alone.unit.functions[0]!.code }] : functions;
  return {
    plan,
    elf,
    main,
    slots,
    manifest,
    get figures() {
      return imageFigures(plan, elf, main);
    },
    get listing() {
      return listing(shown);
    },
    get passes() {
      return formatPasses({ plan, bound, alone: needless, trace, listing: listing(shown) });
    },
  };
}

interface Bound extends BoundProgram {
  /** Of a program that is linked in. */
  readonly unit: ProgramUnit | undefined;
  /** Of a program that is tail-called: the symbol of its map. */
  readonly array?: string;
}

function bindPrograms(
  plan: Plan,
  dispatcher: string,
  { taken, alone }: { readonly taken: readonly string[]; readonly alone: boolean },
): readonly Bound[] {
  const programs = plan.nodes.map(({ program }) => program);
  const apart = programs.filter((program) => !isLinkedProgram(program));
  const loaded = apart.filter(isTailCalled);
  const names = numberApart(
    [...apart.map(({ name }) => identifier(name)), ...loaded.map(({ name }) => programArray(name))],
    new Set([dispatcher, ...taken]),
  );
  const linked = programs.filter(isLinkedProgram);
  const units = programUnits(linked, new Set([dispatcher, ...names, MANIFEST_SECTION, ...taken]));
  return programs.map((program): Bound => {
    if (!isLinkedProgram(program)) {
      const symbol = names[apart.indexOf(program)]!;
      // A stub that is not bound returns 31, whatever the program behind it can return.
      const rest = { program, unit: undefined, symbol, codes: "any" } as const;
      return isTailCalled(program) ? { ...rest, array: names[apart.length + loaded.indexOf(program)]! } : rest;
    }
    const unit = units[linked.indexOf(program)]!;
    const entry = unit.functions[0]!;
    const bodied = program.linkage === "inline" && !alone;
    return {
      program,
      unit,
      symbol: entry.symbol,
      codes: program.codes,
      ...(bodied && { body: bodyOf(program, entry) }),
    };
  });
}

function bodyOf({ object, main }: ResolvedObject, entry: UnitFunction): SlotBody {
  const size = frameSize(object, main);
  // Which programs are inlined is decided before; `unknown` is not among them.
  const frame = size === "unknown" ? MAX_STACK : size;
  return { function: entry, frame, stale: staleSlots(object, main), ways: exitWays(object, main) };
}

interface OwnFunctions {
  readonly functions: readonly DispatcherFunction[];
  readonly inlined: readonly InlinedAt[];
}

function ownFunctions(
  plan: Plan,
  dispatcher: string,
  bound: readonly Bound[],
  alone: Bound | undefined,
  trace: boolean,
): OwnFunctions {
  if (alone?.unit) return { functions: [], inlined: [] };
  // The extension replaces the dispatcher's main; without it the chain is empty, and passes.
  if (alone && isExtension(alone.program)) {
    return { functions: [stubFunction(alone.program, dispatcher, actionCode("pass"))], inlined: [] };
  }
  const stubs = bound.flatMap(({ program, symbol, array }): readonly DispatcherFunction[] => {
    if (isExtension(program)) return [stubFunction(program, symbol)];
    return isTailCalled(program) ? [tailFunction(program, symbol, array!)] : [];
  });
  const { inlined, ...main } = lower(plan, bound, trace);
  return { functions: [{ symbol: dispatcher, returns: INT, ...main }, ...stubs], inlined };
}

/** What each linked program adds to the object: all of it, or all but the function whose code is in the dispatcher's. */
function contributionsOf(
  bound: readonly Bound[],
  main: DispatcherFunction | undefined,
  inlined: readonly InlinedAt[],
): readonly Unit[] {
  return bound.flatMap(({ program, unit, body }): readonly Unit[] => {
    if (!unit || !body || !main) return unit ? [unit] : [];
    const at = inlined.find(({ name }) => name === program.name)!;
    const offsets = slotOffsets(main.instructions);
    const coreRelocations = at.coreRelocations.map(({ index, relocation }) => ({
      ...relocation,
      offset: 8 * offsets[index]!,
    }));
    return [{ ...unit, functions: unit.functions.slice(1), inlined: { into: main.symbol, coreRelocations } }];
  });
}

function listing(
  functions: readonly { readonly symbol: string; readonly instructions: readonly Instruction[] }[],
): string {
  return functions.map((f) => `${f.symbol}:\n${format(f.instructions)}`).join("\n");
}
