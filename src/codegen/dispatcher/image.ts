/** A synthesised dispatcher: everything that the loader and `xdpgen build` need to know of it, and its bytes. */
import type { Linkage } from "../../chain/chain.ts";
import type { Plan } from "../plan/plan.ts";
import type { ImageFigures } from "./figures.ts";
import type { Manifest } from "./manifest.ts";

/** The place of one program in a dispatcher. */
export interface Slot {
  /** The program's name in the chain. */
  readonly program: string;
  readonly linkage: Linkage;
  /**
   * The function in the object: the stub (`freplace`), the program's own main function (`call`), the one that tail-calls the
   * program (`tail`), or the dispatcher's main function, which the program's code is part of (`inline`). The dispatcher's
   * main too where the program is alone.
   */
  readonly symbol: string;
  /** That function's FUNC type id in the object's `.BTF`: for `freplace` the link's `target_btf_id`. */
  readonly btfId: number;
  /** The maps and data sections of a linked program, their name in its own object -> in the linked object. */
  readonly maps: ReadonlyMap<string, string>;
  /** Of these, by the name in the program's own object, those that are filled with functions of the program at each load. */
  readonly filled: ReadonlySet<string>;
  /** `tail`: the name of the map, of one entry, that holds the program. */
  readonly array?: string;
}

export interface DispatcherImage {
  readonly plan: Plan;
  /** The relocatable object: libbpf, bpftool and `ip link` load it as it is. */
  readonly elf: Uint8Array;
  /** The dispatcher's main function, in section `xdp` or `xdp.frags`. */
  readonly main: string;
  readonly slots: readonly Slot[];
  /** Also in the object, as the frozen map `.rodata.xdpgen` that libbpf binds to the program. */
  readonly manifest: Manifest;
  /** What it takes of the kernel's limits and of the stack, and each program of it alone; counted when it is asked for. */
  readonly figures: ImageFigures;
  /** The dispatcher's own instructions as text, made when it is asked for. */
  readonly listing: string;
  /** Every pass from the plan to those instructions as text, made when it is asked for. */
  readonly passes: string;
}
