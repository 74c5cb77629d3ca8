/** The committed result files, which reports are made of and nothing else. */
import { existsSync } from "node:fs";
import { ScriptFailure } from "../../scripts/debian/failure.ts";
import type { AsmRow } from "../asm.ts";
import type { BtfRow } from "../btf.ts";
import type { CodegenRow } from "../codegen.ts";
import { readResult, type Result } from "../contest/result.ts";
import { type Kept, readKept } from "../kept.ts";
import type { LoweringRow } from "../lowering.ts";
import type { MemoryRow } from "../memory.ts";
import { resultPath } from "../section.ts";
import type { VerifierRow } from "../verifier.ts";
import type { ChangeRow } from "../wires/change.ts";
import type { LatencyRow } from "../wires/latency.ts";
import type { StartRow } from "../wires/start.ts";
import type { SwapRow } from "../wires/swap.ts";
import type { VethRow } from "../wires/veth.ts";
import type { Lines } from "./markdown.ts";

export interface Results {
  readonly dispatcher: Result;
  /** By kernel, the oldest first. */
  readonly instructions: readonly Result[];
  readonly veth: Kept<VethRow>;
  readonly latency: Kept<LatencyRow>;
  readonly swap: Kept<SwapRow>;
  /** In the virtual machine, whose kernel takes extensions. */
  readonly swapOfAll: Kept<SwapRow>;
  readonly change: Kept<ChangeRow>;
  /** In the virtual machine, where xdp-loader runs. */
  readonly changeOfBoth: Kept<ChangeRow>;
  readonly start: Kept<StartRow>;
  readonly verifier: Kept<VerifierRow>;
  readonly codegen: Kept<CodegenRow>;
  readonly memory: Kept<MemoryRow>;
  readonly lowering: Kept<LoweringRow>;
  readonly asm: Kept<AsmRow>;
  readonly btf: Kept<BtfRow>;
}

/** Debian's kernels that instructions are counted on: that of the gate, and the newest. */
const KERNELS = ["6.1", "7.2"];

/** Where what needs extensions, or libxdp, is measured. */
const GUEST = "6.1";

/** A result file that is not there; its message says what makes it. */
export class Missing extends ScriptFailure {}

/** Each is read when it is asked for. @throws Missing */
export const committed: Results = {
  get dispatcher() {
    return contestOf("dispatcher");
  },
  get instructions() {
    return KERNELS.map((kernel) => contestOf("instructions", kernel));
  },
  get veth() {
    return rowsOf<VethRow>("veth");
  },
  get latency() {
    return rowsOf<LatencyRow>("latency");
  },
  get swap() {
    return rowsOf<SwapRow>("swap");
  },
  get swapOfAll() {
    return rowsOf<SwapRow>("swap", GUEST);
  },
  get change() {
    return rowsOf<ChangeRow>("change");
  },
  get changeOfBoth() {
    return rowsOf<ChangeRow>("change", GUEST);
  },
  get start() {
    return rowsOf<StartRow>("start");
  },
  get verifier() {
    return rowsOf<VerifierRow>("verifier");
  },
  get codegen() {
    return rowsOf<CodegenRow>("codegen");
  },
  get memory() {
    return rowsOf<MemoryRow>("memory");
  },
  get lowering() {
    return rowsOf<LoweringRow>("lowering");
  },
  get asm() {
    return rowsOf<AsmRow>("asm");
  },
  get btf() {
    return rowsOf<BtfRow>("btf");
  },
};

/** What is made of results; undefined where one is missing. */
export function ifThere<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof Missing) return undefined;
    throw error;
  }
}

/** The lines that are made of results, or where one is missing what makes that. */
export function orMissing(make: () => Lines): Lines {
  try {
    return make();
  } catch (error) {
    if (error instanceof Missing) return [error.message];
    throw error;
  }
}

const contestOf = (section: string, kernel?: string): Result => readResult(pathOf(section, kernel));
const rowsOf = <Row>(section: string, kernel?: string): Kept<Row> => readKept(pathOf(section, kernel)) as Kept<Row>;

function pathOf(section: string, kernel: string | undefined): string {
  const path = resultPath(kernel === undefined ? section : `${section}-${kernel}`, "full");
  if (existsSync(path)) return path;
  const command = `npm run bench -- ${section}${kernel === undefined ? "" : ` --kernel ${kernel}`}`;
  throw new Missing(`Not measured yet: \`${command}\`.`);
}
