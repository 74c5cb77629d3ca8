/**
 * How one program is bound to its slot: what is declared, or, under `auto`, the first of the preferred linkages that its
 * object allows. What the programs of a chain need together is weighed later (`dispatcher/settle.ts`).
 */
import type { Chain, ObjectLinkage, Program } from "../../chain/chain.ts";
import { XdpgenError } from "../../errors.ts";
import { SHF_EXECINSTR } from "../elf/index.ts";
import { MAX_STACK } from "./frame.ts";
import type { ObjectFunction, XdpObject } from "./open.ts";
import { isDispatchable } from "./signature.ts";
import { stackUse } from "./stack.ts";

/** Bytes that a dispatcher keeps on the stack below the frame of what it inlines: three slots of eight (`dispatcher/held.ts`). */
export const HELD_BYTES = 24;

export interface LinkageChoice {
  readonly linkage: ObjectLinkage;
  /** Whether the linkage was left to us. */
  readonly auto: boolean;
  /** Why it is not the one that was preferred; a clause. */
  readonly because?: string;
}

/**
 * @param auto what `auto` means where independence is preferred
 * @throws XdpgenError `object-unsupported` where the declared linkage is not possible
 */
export function chooseLinkage(
  program: Program,
  chain: Chain,
  auto: ObjectLinkage,
  object: XdpObject,
  main: ObjectFunction,
): LinkageChoice {
  const declared = program.linkage && program.linkage !== "auto" ? program.linkage : chain.linkage;
  // That an object is not tail-called is checked with the chain.
  if (declared !== "auto" && declared !== "tail") {
    const obstacle = obstacleTo(declared, object, main);
    if (obstacle === undefined) return { linkage: declared, auto: false };
    throw new XdpgenError("object-unsupported", `${obstacle}; change that, or use \`linkage: call\``);
  }
  const [preferred = auto, ...others] = preferences(chain.prefer ?? "independence", auto);
  const obstacle = obstacleTo(preferred, object, main);
  if (obstacle === undefined) return { linkage: preferred, auto: true };
  const linkage = others.find((other) => obstacleTo(other, object, main) === undefined) ?? "call";
  return { linkage, auto: true, because: `not ${preferred}: ${obstacle}` };
}

function preferences(prefer: NonNullable<Chain["prefer"]>, auto: ObjectLinkage): readonly ObjectLinkage[] {
  switch (prefer) {
    case "independence":
      return [auto, "call"];
    case "speed":
      return ["inline", "call"];
  }
}

/** What of an object stands in the way of a linkage; a clause. */
export function obstacleTo(linkage: ObjectLinkage, object: XdpObject, main: ObjectFunction): string | undefined {
  switch (linkage) {
    case "call":
      return undefined;
    case "freplace":
      if (!isDispatchable(object.btf, main.type))
        return "an extension program must be `int f(struct xdp_md *ctx)` in its BTF, and this one is not";
      return fillsMapOfPrograms(object)
        ? "the object fills a map of programs, and of an extension's one is loaded"
        : undefined;
    case "inline":
      return obstacleToInline(object, main);
  }
}

function fillsMapOfPrograms({ elf }: XdpObject): boolean {
  const filled = elf.sections.filter(({ name }) => name === ".maps").flatMap(({ relocations }) => relocations);
  return filled.some(({ symbol }) => {
    const { section } = elf.symbols[symbol]!;
    return typeof section === "number" && (elf.sections[section]!.flags & SHF_EXECINSTR) !== 0;
  });
}

function obstacleToInline(object: XdpObject, main: ObjectFunction): string | undefined {
  const { own, added, below, tailCalls } = stackUse(object, main);
  if (tailCalls) return `${main.name} makes a tail call, which would leave the dispatcher for good`;
  if (own === "unknown" || below === "unknown") return `the stack that ${main.name} uses cannot be read from its code`;
  if (own + added + HELD_BYTES > MAX_STACK)
    return `${main.name} uses ${own + added} bytes of stack, and the dispatcher needs ${HELD_BYTES} of ${MAX_STACK} below them`;
  return undefined;
}
