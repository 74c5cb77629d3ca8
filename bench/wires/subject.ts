/** What is put on the receiving end and measured: nothing, one plain program, or a chain of ours. */
import type { Linkage, Mode, Program } from "../../src/chain/index.ts";
import { LINKAGES } from "../../src/chain/index.ts";
import { attach, canFreplace, loadXdp, openKernel } from "../../src/loader/index.ts";
import { endsWith, passing, pinned, same } from "./chains.ts";

export interface Subject {
  /** `no program`, `one program`, or a linkage. */
  readonly contestant: string;
  readonly programs: number;
  /** Puts it there; disposing takes it off again. */
  attach(device: string, mode: Mode): Promise<AsyncDisposable>;
}

/** Linkages that this kernel can run. */
export function linkagesHere(): readonly Linkage[] {
  const freplace = canFreplace(openKernel());
  return LINKAGES.filter((linkage) => linkage !== "freplace" || freplace);
}

export const nothing: Subject = {
  contestant: "no program",
  programs: 0,
  attach: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
};

/** A program that ends with that action, attached by nobody's dispatcher. */
export const alone = (action: "DROP" | "TX"): Subject => ({
  contestant: "one program",
  programs: 1,
  attach(device, mode) {
    const kernel = openKernel();
    const program = loadXdp(endsWith(action));
    const link = kernel.linkXdp(program.fd, kernel.interfaceIndex(device), mode);
    return Promise.resolve({
      [Symbol.asyncDispose]: () => {
        link.close();
        program[Symbol.dispose]();
        return Promise.resolve();
      },
    });
  },
});

/** A chain of programs that pass, all but the last, which ends with that action: what each frame goes through in whole. */
export const chained = (linkage: Linkage, programs: number, action: "DROP" | "TX"): Subject => ({
  contestant: linkage,
  programs,
  async attach(device, mode) {
    const chain = passing(linkage, same(programs - 1));
    const last = { name: "last", priority: programs };
    const bytes = endsWith(action);
    const ending: Program =
      linkage === "tail"
        ? { ...last, pinned: pinned(`${action}-${programs}`, bytes) }
        : { ...last, object: `${action}.bpf.o`, bytes };
    const live = await attach({ ...chain, programs: [...chain.programs, ending] }, device, { mode });
    return { [Symbol.asyncDispose]: async () => void (await live.detach()) };
  },
});

/** @param lengths of chains; those that a linkage's limits do not allow are left out */
export function subjects(lengths: readonly number[], action: "DROP" | "TX"): readonly Subject[] {
  const chains = lengths.flatMap((programs) =>
    linkagesHere()
      .filter((linkage) => linkage !== "tail" || programs <= MOST_TAIL_CALLS)
      .map((linkage) => chained(linkage, programs, action)),
  );
  return [alone(action), ...chains];
}

/** A packet may make 33 tail calls (include/linux/bpf.h, MAX_TAIL_CALL_CNT). */
const MOST_TAIL_CALLS = 32;
