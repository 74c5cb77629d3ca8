/**
 * Chains made in code: the same checks as for a file, and new chains from old ones. A `Chain` is a plain frozen value;
 * nothing here changes one.
 */
import { type ErrorCode, XdpgenError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { freeze, inCodeOrder, normalGroups } from "./build.ts";
import type { Chain, Program } from "./chain.ts";
import type { Check } from "./check.ts";
import { normalEdges } from "./edge.ts";
import type { Health } from "./health.ts";
import type { Mistake } from "./mistake.ts";
import { checkDocument } from "./mistakes.ts";

/** What is wrong with a chain, by the rules of chain.yaml; empty when nothing is. Paths are those of chain.yaml. */
export function validateChain(chain: Chain): readonly Mistake[] {
  return checkDocument(documentOf(chain)).mistakes;
}

/**
 * The same chain, frozen, its proceed-on sets in the order of the actions' codes.
 *
 * @throws XdpgenError `chain-invalid`, with every mistake on a line of its own
 */
export function checkedChain(chain: Chain): Chain {
  const mistakes = validateChain(chain);
  if (mistakes.length === 0) {
    return freeze({
      ...chain,
      interfaces: [...chain.interfaces],
      ...(chain.allow && { allow: { ...chain.allow } }),
      ...(chain.groups && { groups: normalGroups(chain.groups) }),
      programs: chain.programs.map(normal),
      ...(chain.health && { health: structuredClone(chain.health) }),
      ...(chain.checks && { checks: chain.checks.map(copiedCheck) }),
    });
  }
  throw chainError(chain, mistakes);
}

/** All mistakes of a chain that has no text, one in a line. */
export function chainError(
  chain: Chain,
  mistakes: readonly Pick<Mistake, "message" | "hint">[],
  code: ErrorCode = "chain-invalid",
): XdpgenError {
  const lines = mistakes.map(({ message, hint }) => `  ${message}${hint ? ` (${hint})` : ""}`);
  return new XdpgenError(code, [`chain \`${chain.name}\` is not valid:`, ...lines].join("\n"));
}

/**
 * The chain with one more program, or with this one in the place of the program of the same name.
 *
 * @throws XdpgenError `chain-invalid` when the result breaks a rule of chain.yaml
 */
export function withProgram(chain: Chain, program: Program): Chain {
  const index = chain.programs.findIndex(({ name }) => name === program.name);
  const programs = index < 0 ? [...chain.programs, program] : chain.programs.with(index, program);
  return edited(chain, programs);
}

/**
 * The chain without the program of a name.
 *
 * @throws XdpgenError `chain-invalid` when there is no such program, or when it was the last one
 */
export function withoutProgram(chain: Chain, name: string): Chain {
  const names = chain.programs.map((program) => program.name);
  if (!names.includes(name)) {
    const near = nearest(name, names);
    const hint = near ? `did you mean \`${near}\`?` : `its programs: ${names.join(", ")}`;
    throw new XdpgenError("chain-invalid", `chain \`${chain.name}\` has no program \`${name}\` to take out; ${hint}`);
  }
  if (names.length === 1) {
    const message = `program \`${name}\` is the last of chain \`${chain.name}\`: detach the chain to take it out`;
    throw new XdpgenError("chain-invalid", message);
  }
  return edited(
    chain,
    chain.programs.filter((program) => program.name !== name),
  );
}

/** The text that a chain was read from does not say what it is now. */
function edited(chain: Chain, programs: readonly Program[]): Chain {
  const { source: _, ...rest } = chain;
  return checkedChain({ ...rest, programs });
}

/** A chain whose next chains are a method call away. Its own fields are exactly those of the plain chain. */
export interface EditableChain extends Chain {
  /** As `withProgram`. */
  with(program: Program): EditableChain;
  /** As `withoutProgram`. */
  without(name: string): EditableChain;
}

const METHODS = {
  with(this: Chain, program: Program): EditableChain {
    return editable(withProgram(this, program));
  },
  without(this: Chain, name: string): EditableChain {
    return editable(withoutProgram(this, name));
  },
};

/** The methods are inherited, so that copies, JSON and comparisons see a plain chain. */
export function editable(chain: Chain): EditableChain {
  return Object.freeze(Object.assign(Object.create(METHODS) as EditableChain, chain));
}

/** A copy: the caller's own values are not frozen with it. */
function normal(program: Program): Program {
  const { proceedOn, globals, maps, on, allow } = program;
  return {
    ...program,
    ...(on && { on: normalEdges(on) }),
    ...(proceedOn && { proceedOn: inCodeOrder(proceedOn) }),
    ...(globals && { globals: structuredClone(globals) }),
    ...(maps && { maps: structuredClone(maps) }),
    ...(allow && { allow: { ...allow } }),
  };
}

/** Its captures are bytes, which are never frozen nor changed. */
function copiedCheck({ captures, ...check }: Check): Check {
  return { ...structuredClone(check), ...(captures && { captures: { ...captures } }) };
}

/** A chain as chain.yaml would spell it. Keys that nobody knows stay, so that they are found. */
function documentOf(chain: Chain): unknown {
  if (typeof chain !== "object" || chain === null) return chain;
  const { name, programs, checks, health, source: _, ...rest } = chain as Chain & Record<string, unknown>;
  const renamed = Array.isArray(programs) ? (programs as readonly Program[]).map(programDocument) : programs;
  const proofs = Array.isArray(checks) ? (checks as readonly Check[]).map(proofDocument) : checks;
  return defined({ chain: name, ...rest, programs: renamed, health: healthDocument(health), checks: proofs });
}

function healthDocument(health: unknown): unknown {
  if (typeof health !== "object" || health === null) return health;
  const { folder: _, ...rest } = health as Health & Record<string, unknown>;
  return defined(rest);
}

function programDocument(program: Program): unknown {
  if (typeof program !== "object" || program === null) return program;
  const { bytes: _, facts: __, fd, proceedOn, ...rest } = program;
  // No file can name an fd; beside another source it stays, so that it is found.
  const named = (rest.object ?? rest.pinned ?? rest.id) !== undefined;
  const source = fd === undefined ? {} : named ? { fd } : { pinned: `fd ${fd}` };
  return defined({ ...rest, ...source, "proceed-on": proceedOn });
}

function proofDocument(check: Check): unknown {
  if (typeof check !== "object" || check === null) return check;
  const { captures: _, packetAfter, ...rest } = check;
  return defined({ ...rest, "packet-after": packetAfter });
}

/** JavaScript callers write `priority: undefined` for "not set". */
function defined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined));
}
