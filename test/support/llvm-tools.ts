/**
 * The LLVMs that serve as witnesses for the assembler, BTF and ELF: the one that the system has installed, and the newest
 * one of the cache. Out: their versions, and how each of their tools is started.
 */
import { COMPLETE, type LlvmTool, cachedLlvm, llvmCommand } from "../../scripts/llvm/llvm.ts";
import { systemVersion } from "../../scripts/llvm/system.ts";

export type { LlvmTool };

/** One LLVM. */
export interface LlvmTools {
  /** The major version: 14, 23. */
  readonly version: number;
  /** The words that start a tool, before its own arguments: `const [file, ...words] = llvm.command("llvm-mc")`. */
  command(tool: LlvmTool): readonly [string, ...string[]];
}

function findLlvms(): readonly LlvmTools[] {
  const version = systemVersion();
  if (version === undefined) throw new Error("llvm-mc is not in PATH: apt-get install llvm");
  const system: LlvmTools = { version, command: (tool) => [tool] };
  const cached = cachedLlvm();
  if (cached === undefined || cached.version <= version) return [system];
  return [system, { version: cached.version, command: (tool) => llvmCommand(cached, tool) }];
}

/** The system's LLVM, then the newest one of the cache when that is newer. */
export const LLVMS: readonly LlvmTools[] = findLlvms();

/** Why no LLVM of the list knows the whole instruction set; `undefined` when one does. */
export const INCOMPLETE: string | undefined = LLVMS.some(({ version }) => version >= COMPLETE)
  ? undefined
  : `the newest LLVM here is ${LLVMS.at(-1)!.version} and the whole instruction set needs ${COMPLETE}: ` +
    "none is in the cache, and `node --import tsx scripts/llvm/main.ts` fetches one or says why it cannot";
