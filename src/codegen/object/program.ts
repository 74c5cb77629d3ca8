/** A program of a chain joined with what its object says of itself. */
import { utf8ToBytes } from "@noble/hashes/utils.js";
import {
  type Action,
  type Chain,
  isLinked,
  type Linkage,
  loadedSource,
  type ObjectLinkage,
  type Program,
} from "../../chain/chain.ts";
import { type MapHome, mapHomes } from "../../chain/map-home.ts";
import { type ErrorCode, XdpgenError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { shortHash } from "../hash.ts";
import { setGlobals } from "./globals.ts";
import { chooseLinkage } from "./linkage.ts";
import { hasFrags, type ObjectFunction, openObject, type XdpObject, xdpFunctions } from "./open.ts";
import { type ReturnCodes, returnCodes } from "./returns.ts";
import { readRunConfig } from "./run-config.ts";

export type ResolvedProgram = ResolvedObject | ResolvedLoaded;

/** A program that comes as an object. */
export interface ResolvedObject extends Resolved {
  readonly linkage: ObjectLinkage;
  /** The ELF object, its `const volatile` variables already set to the declared globals. */
  readonly bytes: Uint8Array;
  /** `bytes`, opened. */
  readonly object: XdpObject;
  /** Its XDP function. */
  readonly main: ObjectFunction;
  /** The name of `main`. */
  readonly function: string;
  /** Its maps of which the chain says something, by their names. */
  readonly homes: Readonly<Record<string, MapHome>>;
}

/** A program that is loaded already. Which one is behind its slot is the loader's affair, and can change while it runs. */
export interface ResolvedLoaded extends Resolved {
  readonly linkage: "tail";
  /** Its code makes tail calls, as far as is known. */
  readonly tailCalls: boolean;
  /** Loaded with `expected_attach_type` BPF_XDP, as far as is known, or with 0. */
  readonly attachType: "xdp" | "none";
}

interface Resolved {
  readonly name: string;
  /** Path of the object as declared; of a loaded program where it is found, as `pinned: PATH`. */
  readonly path: string;
  readonly priority: number | "none";
  readonly proceedOn: readonly Action[];
  readonly linkage: Linkage;
  /** Whether the linkage was left to us. */
  readonly auto: boolean;
  /** Why the linkage is not the one that was preferred; a clause. */
  readonly because?: string;
  /** Declared in section `xdp.frags`, or loaded so: takes packets of several buffers. */
  readonly frags: boolean;
  /** The codes that the function can return, as far as its object shows. */
  readonly codes: ReturnCodes;
  /** Sixteen hex digits over object bytes (globals set), function and homes of maps; the same for all loaded programs. */
  readonly hash: string;
}

/** Whether the program's code is part of the dispatcher's own program. */
export function isLinkedProgram(program: ResolvedProgram): program is ResolvedObject {
  return isLinked(program.linkage);
}

/** Whether the program replaces the stub of its slot. */
export function isExtension(program: ResolvedProgram): program is ResolvedObject & { readonly linkage: "freplace" } {
  return program.linkage === "freplace";
}

export function isTailCalled(program: ResolvedProgram): program is ResolvedLoaded {
  return program.linkage === "tail";
}

const DEFAULT_PRIORITY = 50;
const DEFAULT_PROCEED_ON: readonly Action[] = ["pass"];

/**
 * The chain's programs, resolved, in order of declaration.
 *
 * @param auto what linkage `auto` means for objects
 * @throws XdpgenError with the mistakes of all programs at once
 */
export function resolvePrograms(chain: Chain, auto: ObjectLinkage): readonly ResolvedProgram[] {
  const resolved: ResolvedProgram[] = [];
  const mistakes: XdpgenError[] = [];
  for (const program of chain.programs) {
    try {
      resolved.push(resolveProgram(program, chain, auto));
    } catch (error) {
      if (!(error instanceof XdpgenError)) throw error;
      mistakes.push(new XdpgenError(error.code, `${program.name} (${program.object ?? "?"}): ${error.message}`));
    }
  }
  if (mistakes.length === 1) throw mistakes[0]!;
  if (mistakes.length > 1) {
    const code: ErrorCode = mistakes.every((m) => m.code === mistakes[0]!.code) ? mistakes[0]!.code : "chain-invalid";
    throw new XdpgenError(code, mistakes.map((m) => m.message).join("\n"));
  }
  return resolved;
}

function resolveProgram(program: Program, chain: Chain, auto: ObjectLinkage): ResolvedProgram {
  const loaded = loadedSource(program);
  return loaded === undefined ? resolveObject(program, chain, auto) : resolveLoaded(program, loaded);
}

const LOADED_HASH = shortHash(utf8ToBytes("loaded"));

function resolveLoaded({ name, priority, proceedOn, facts, linkage }: Program, source: string): ResolvedLoaded {
  return {
    name,
    path: source,
    priority: priority ?? DEFAULT_PRIORITY,
    proceedOn: proceedOn ?? DEFAULT_PROCEED_ON,
    linkage: "tail",
    auto: linkage === undefined || linkage === "auto",
    frags: facts?.frags ?? false,
    tailCalls: facts?.tailCalls ?? false,
    attachType: facts?.attachType ?? "xdp",
    // Another program can take its place while the dispatcher runs.
    codes: "any",
    hash: LOADED_HASH,
  };
}

function resolveObject(program: Program, chain: Chain, auto: ObjectLinkage): ResolvedObject {
  if (program.object === undefined || !program.bytes) {
    throw new XdpgenError("file-unreadable", "the object has not been read; pass the chain to resolveChain() first");
  }
  const bytes = setGlobals(program.bytes, program.globals ?? {});
  const object = openObject(bytes);
  const main = chooseFunction(object, program.function);
  const config = readRunConfig(object.btf, main.name);
  const choice = chooseLinkage(program, chain, auto, object, main);
  const homes = mapHomes(chain, program.name);
  const said = Object.keys(homes).length > 0 ? [utf8ToBytes(`\0${JSON.stringify(homes)}`)] : [];
  return {
    name: program.name,
    path: program.object,
    bytes,
    object,
    main,
    function: main.name,
    priority: program.priority ?? config.priority ?? DEFAULT_PRIORITY,
    proceedOn: program.proceedOn ?? config.proceedOn ?? DEFAULT_PROCEED_ON,
    ...choice,
    frags: hasFrags(object, main),
    // Of a stub nobody asks what the program behind it returns, unless the program is alone.
    codes: isLinked(choice.linkage) || chain.programs.length === 1 ? returnCodes(object, main) : "any",
    homes,
    hash: shortHash(bytes, utf8ToBytes(`\0${main.name}`), ...said),
  };
}

function chooseFunction(object: XdpObject, name: string | undefined): ObjectFunction {
  const functions = xdpFunctions(object);
  const names = functions.map((f) => f.name);
  if (functions.length === 0) {
    const others = object.functions.map((f) => `${f.name} in section ${object.elf.sections[f.section]!.name}`);
    throw new XdpgenError(
      "object-invalid",
      `the object has no XDP program, no global function in a section \`xdp\`; it has ${others.join(", ") || "no function at all"}`,
    );
  }
  if (name === undefined) {
    if (functions.length === 1) return functions[0]!;
    throw new XdpgenError(
      "chain-invalid",
      `the object has ${functions.length} XDP programs: ${names.join(", ")}; say which one with \`function:\``,
    );
  }
  const chosen = functions.find((f) => f.name === name);
  if (chosen) return chosen;
  const hint = nearest(name, names);
  throw new XdpgenError(
    "chain-invalid",
    `the object has no XDP program ${name}; ${hint ? `did you mean ${hint}? ` : ""}it has ${names.join(", ")}`,
  );
}
