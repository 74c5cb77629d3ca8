/**
 * The manifest: what a live dispatcher says of itself. It travels in the object as section `.rodata.xdpgen`, which libbpf
 * makes a frozen one-entry array map and binds to the program, so it changes in the same instant as the dispatcher does
 * and costs no instruction. The kernel is the database; there is no state file.
 *
 *     0        4         8            12       16
 *     "xdpg"   version   generation   length   JSON of `length` bytes, then zeros
 */
import { ACTIONS, type Action, type Edge, type Linkage } from "../../chain/chain.ts";
import type { MapHome } from "../../chain/map-home.ts";
import { XdpgenError } from "../../errors.ts";
import { shortHash } from "../hash.ts";
import { codeBytes } from "../link/code-bytes.ts";
import type { UnitFunction } from "../link/unit.ts";
import { isTailCalled } from "../object/program.ts";
import { edgeOf } from "../plan/format.ts";
import type { Plan, PlanNode } from "../plan/plan.ts";

export interface ManifestProgram {
  readonly name: string;
  /** Path as declared; for people, never read again. Neither it nor a function is known of a program that was loaded already. */
  readonly object?: string;
  readonly function?: string;
  readonly priority: number | "none";
  /** Where actions lead, and 31 (`no-verdict`), as the plan has it: `next` is resolved. What is not named is `return`. */
  readonly edges: Readonly<Partial<Record<Action | "no-verdict", Edge>>>;
  readonly linkage: Linkage;
  /** Why it is not the linkage that was preferred; a clause. */
  readonly because?: string;
  /** Its maps of which the chain says something, by their names. */
  readonly homes?: Readonly<Record<string, MapHome>>;
  /**
   * Sixteen hex digits: object bytes, function, globals and homes of maps. Equal hash, same program; a loaded one is known by
   * its slot.
   */
  readonly hash: string;
}

export interface Manifest {
  readonly chain: string;
  readonly end: "verdict" | Action;
  /** Only where it counts. */
  readonly counters?: true;
  /** Sorted so that every edge leads to a later one; the first sees each packet. */
  readonly programs: readonly ManifestProgram[];
  /** Sixteen hex digits over the dispatcher's own instructions: another xdpgen may make others of the same chain. */
  readonly code: string;
}

/** Name of the section, and of the map that libbpf makes of it. */
export const MANIFEST_SECTION = ".rodata.xdpgen";

const MAGIC = 0x67706478; // "xdpg", little endian
const VERSION = 2;
/** Bytes before the JSON. */
export const MANIFEST_HEADER = 16;

/** @param functions the dispatcher's own */
export function manifestOf(plan: Plan, functions: readonly UnitFunction[]): Manifest {
  // The stubs have one list of instructions between them; how many there are, the programs say.
  const distinct = new Set(functions.map((f) => f.code));
  return {
    chain: plan.chain,
    end: plan.end,
    ...(plan.counters && { counters: true }),
    programs: plan.nodes.map(({ program: p, edges }) => ({
      name: p.name,
      ...(!isTailCalled(p) && { object: p.path, function: p.function }),
      priority: p.priority,
      edges: edgesOf(plan, edges),
      linkage: p.linkage,
      ...(p.because !== undefined && { because: p.because }),
      ...(!isTailCalled(p) && Object.keys(p.homes).length > 0 && { homes: p.homes }),
      hash: p.hash,
    })),
    code: shortHash(...[...distinct].map(codeBytes)),
  };
}

function edgesOf(plan: Plan, edges: PlanNode["edges"]): ManifestProgram["edges"] {
  const named: { -readonly [K in keyof ManifestProgram["edges"]]: Edge } = {};
  for (const outcome of NAMED) {
    const edge = edgeOf(plan, edges[outcome]);
    if (edge !== "return") named[outcome] = edge;
  }
  return named;
}

const NAMED = [...ACTIONS, "no-verdict"] as const;

/** Equal length for equal manifests, whatever the generation: it can be set in a map that is already made. */
export function encodeManifest(manifest: Manifest, { generation }: { readonly generation: number }): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(manifest));
  const bytes = new Uint8Array(MANIFEST_HEADER + Math.ceil(json.length / 8) * 8);
  const view = new DataView(bytes.buffer);
  [MAGIC, VERSION, generation, json.length].forEach((word, i) => view.setUint32(4 * i, word, true));
  bytes.set(json, MANIFEST_HEADER);
  return bytes;
}

/** @throws XdpgenError `object-invalid` for bytes that are no manifest, or one of a newer xdpgen */
export function decodeManifest(bytes: Uint8Array): { readonly manifest: Manifest; readonly generation: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < MANIFEST_HEADER || view.getUint32(0, true) !== MAGIC) {
    throw new XdpgenError("object-invalid", `not a manifest: ${bytes.length} bytes without the magic "xdpg"`);
  }
  const version = view.getUint32(4, true);
  if (version !== VERSION) {
    throw new XdpgenError(
      "object-invalid",
      `the manifest has version ${version}, this xdpgen reads version ${VERSION}: use the xdpgen that made the dispatcher`,
    );
  }
  const length = view.getUint32(12, true);
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(
      bytes.subarray(MANIFEST_HEADER, MANIFEST_HEADER + length),
    );
    return { manifest: JSON.parse(json) as Manifest, generation: view.getUint32(8, true) };
  } catch (cause) {
    throw new XdpgenError("object-invalid", `the manifest's ${length} bytes of JSON are damaged`, { cause });
  }
}
