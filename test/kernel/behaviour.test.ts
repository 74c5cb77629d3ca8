/**
 * What a chain means, in the kernel: one suite for every linkage. The packet prescribes what each program returns
 * (test/support/verdict-program.ts), the live dispatcher runs it with BPF_PROG_TEST_RUN, and the reference model says which
 * programs must have run and what must come out.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACTIONS, type Action, type Chain, type Linkage, type Program } from "../../src/chain/index.ts";
import { attach, type Attachment, openMap } from "../../src/loader/index.ts";
import { chainOf, testProgram } from "../support/chains.ts";
import { chainOfGraph, graphs } from "../support/graphs.ts";
import { lacking } from "../support/kernel-differences.ts";
import { runnableLinkages } from "../support/linkages.ts";
import { withLoaded } from "../support/loaded.ts";
import { linked } from "../support/mixed.ts";
import { countModel, runModel } from "../support/model.ts";
import { u32, u64 } from "../support/samples.ts";
import { boundedObject, SLOTS, verdictObject, verdictPacket, visited } from "../support/verdict-program.ts";
import { type Veth, veth } from "../support/veth.ts";
import { EMULATED, SHORT, skipInShort } from "./cli/world.ts";

const CODES = [0, 1, 2, 3, 4, 5, 17, 30, 31, 32, 255, 0x7fffffff, 0xffffffff];
/** What remains to be seen of the codes once one `end` was tried with all of them. */
const FEW_CODES = [1, 2, 4, 31, 32];
const SETS = Array.from({ length: 31 }, (_, bits) => ACTIONS.filter((_action, code) => ((bits + 1) >> code) & 1));

/** Of random chains: one takes a second in emulation. */
const runs = (onHost: number): number => (EMULATED ? (SHORT ? 4 : 10) : onHost);

/** MAX_TAIL_CALL_CNT (include/linux/bpf.h). */
const MAX_TAIL_CALLS = 33;

type Declared = Program & { readonly priority: number; readonly proceedOn: readonly Action[] };

function program(k: number, proceedOn: readonly Action[] = ["pass"], priority = k): Declared {
  return { name: `p${k}`, object: `p${k}.bpf.o`, bytes: verdictObject(k), priority, proceedOn };
}

/** By the programs' names; undefined where nothing is counted. */
const countsOf = (live: Attachment): ReadonlyMap<string, unknown> =>
  new Map(live.status().programs.map(({ name, counts }) => [name, counts]));

const LINKAGES: readonly Linkage[] = [...runnableLinkages, "tail"];

describe.each(LINKAGES)("linkage %s", (linkage) => {
  let pair: Veth;
  let live: Attachment;
  const chain = (programs: readonly Program[], rest: Partial<Chain> = {}): Chain =>
    withLoaded(chainOf(programs, { linkage, ...rest }));

  beforeAll(async () => {
    pair = veth("behave");
    live = await attach(chain([program(0)]), pair.far);
  });
  afterAll(async () => {
    await live.detach();
    pair[Symbol.dispose]();
  });

  /** Runs the live dispatcher on packets, and expects of each what the model says. */
  async function expectModel(
    programs: readonly Declared[],
    end: "verdict" | Action,
    packets: Iterable<readonly number[]>,
  ): Promise<void> {
    for (const codes of packets) {
      const expected = runModel({ end, programs }, new Map(codes.map((code, k) => [`p${k}`, code])));
      const { retval, dataOut } = await live.testRun({ data: verdictPacket(codes) });
      const path = visited(dataOut).map((k) => `p${k}`);
      expect({ codes, path, verdict: retval >>> 0 }).toEqual({ codes, ...expected });
    }
  }

  it("runs one program and returns its code, whatever it is", async () => {
    const programs = [program(0)];
    await live.update(chain(programs));
    await expectModel(
      programs,
      "verdict",
      CODES.map((code) => [code]),
    );
  });

  it.for(["verdict", ...ACTIONS] as const)("follows every proceed-on set, end %s", async (end, context) => {
    const known = end === "aborted" || end === "drop" || end === "redirect";
    context.skip(EMULATED && known, "seen on the host; an end is one constant, on every kernel alike");
    if (end === "tx") skipInShort(context, "an end is one constant, and another one is seen here");
    // One program for each set. Those before the one under test say "no verdict", those behind it DROP.
    const programs = SETS.map((set, k) => program(k, set));
    await live.update(chain(programs, { end }));
    const packets = SETS.flatMap((_, tested) =>
      (end === "verdict" ? CODES : FEW_CODES).map((code) =>
        SETS.map((_set, k) => (k < tested ? 31 : k === tested ? code : 1)),
      ),
    );
    await expectModel(programs, end, packets);
  });

  it.for(linkage === "tail" ? [1, 2, 10, MAX_TAIL_CALLS] : [1, 2, 10, 64, SLOTS])(
    "runs %i programs in order",
    async (n, context) => {
      if (n === 64) skipInShort(context, "fewer and more are seen here");
      if (n === SLOTS && linkage !== "freplace") skipInShort(context, "as many run here below, where they are counted");
      const programs = Array.from({ length: n }, (_, k) => program(k, ["pass", "tx"], n - k));
      await live.update(chain(programs));
      const all = (code: number): number[] => programs.map(() => code);
      const stopAt = (k: number): number[] => programs.map((_, i) => (i === k ? 1 : 2));
      await expectModel(programs, "verdict", [all(2), all(3), all(31), stopAt(0), stopAt(n >> 1), stopAt(n - 1)]);
    },
  );

  // Of some programs any code can come; of others their code shows which, and compares are left out.
  it("agrees with the model on random chains", async () => {
    const declared = fc.array(
      fc.record({
        priority: fc.nat(5),
        proceedOn: fc.subarray([...ACTIONS], { minLength: 1 }),
        codes: fc.option(fc.uniqueArray(fc.constantFrom(...CODES), { minLength: 1, maxLength: 4 })),
      }),
      { minLength: 1, maxLength: 20 },
    );
    const end = fc.constantFrom("verdict" as const, ...ACTIONS);
    const rows = fc.array(fc.array(fc.constantFrom(...CODES), { minLength: 20, maxLength: 20 }), {
      minLength: 10,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(declared, end, rows, async (shapes, chainEnd, codes) => {
        const programs = shapes.map((shape, k) => ({
          ...program(k, shape.proceedOn, shape.priority),
          ...(shape.codes ? { bytes: boundedObject(k, shape.codes) } : {}),
        }));
        const possible = (code: number, k: number): number => {
          const own = shapes[k]!.codes;
          return own && !own.includes(code) ? own[0]! : code;
        };
        await live.update(chain(programs, { end: chainEnd }));
        await expectModel(
          programs,
          chainEnd,
          codes.map((row) => row.slice(0, programs.length).map(possible)),
        );
      }),
      { numRuns: runs(40) },
    );
  });

  it("agrees with the model on random graphs", async () => {
    const bounded = fc.array(fc.option(fc.uniqueArray(fc.constantFrom(...CODES), { minLength: 1, maxLength: 4 })));
    const rows = fc.array(fc.infiniteStream(fc.nat(1000)), { minLength: 5, maxLength: 20 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        graphs(40),
        bounded,
        rows,
        fc.tuple(fc.boolean(), fc.boolean()),
        async (graph, codes, packets, [mixed, counters]) => {
          // A name of its own, so that the counts of an equal chain before it do not go on.
          const rest = { linkage, counters, name: `graph-${++round}` };
          const whole = { ...chainOfGraph(graph, (rank) => codes[rank] ?? undefined), ...rest };
          // Once by this linkage, and once in a mixture of all that the kernel runs.
          const mixture = mixed || graph.programs.length > MAX_TAIL_CALLS;
          await live.update(withLoaded(mixture ? linked(whole, "mixed", LINKAGES) : whole));
          const outcomes: Parameters<typeof countModel>[0][number][] = [];
          for (const packet of packets) {
            const row = Array.from({ length: graph.programs.length }, (_, rank) => {
              const possible = codes[rank] ?? CODES;
              return possible[packet.next().value % possible.length]!;
            });
            const returned = new Map(row.map((code, rank) => [`p${rank}`, code]));
            const expected = runModel(whole, returned);
            outcomes.push({ path: expected.path, codes: returned });
            const { retval, dataOut } = await live.testRun({ data: verdictPacket(row) });
            const path = visited(dataOut).map((k) => `p${k}`);
            expect({ row, path, verdict: retval >>> 0 }).toEqual({ row, ...expected });
          }
          const names = whole.programs.map(({ name }) => name);
          const none = new Map(names.map((name) => [name, undefined]));
          expect(countsOf(live)).toEqual(counters ? countModel(outcomes, names) : none);
        },
      ),
      { numRuns: runs(60) },
    );
  });

  it("counts every program of the longest chain, and of the shortest", async () => {
    const many = Array.from({ length: linkage === "tail" ? MAX_TAIL_CALLS : SLOTS }, (_, k) => program(k));
    const dropping = { ...program(0), bytes: boundedObject(0, [1]) };
    for (const [programs, code] of [
      [many, 2],
      [[program(0)], 31],
      [[dropping], 1],
    ] as const) {
      // A name of its own: a loaded program that takes the place of another one leaves the counts as they are.
      await live.update(chain(programs, { counters: true, name: `counted-${code}` }));
      const codes = programs.map(() => code);
      await expectModel(programs, "verdict", [codes, codes]);
      const path = programs.map(({ name }) => name);
      const packet = { path, codes: new Map(path.map((name) => [name, code])) };
      expect(countsOf(live)).toEqual(countModel([packet, packet], path));
    }
  });

  it("takes the verdict of a CO-RE relocation from the loaded program, not from the file", async () => {
    await live.update(chain([testProgram("guard"), program(0)]));
    expect((await live.testRun({ data: verdictPacket([2]) })).retval).toBe(1);
  });

  it("loads a chain in which a program never lets the next one run", async () => {
    const dropping = { ...program(0), bytes: boundedObject(0, [1]) };
    await live.update(chain([dropping, program(1), program(2)]));
    await expectModel([dropping, program(1), program(2)], "verdict", [[1, 2, 2]]);
  });

  it("runs a chain of which the verifier sees that no packet gets to the next program", async () => {
    const first = { ...program(0, ["redirect"]), bytes: boundedObject(0, [0, 17, 3, 32]), linkage: "inline" } as const;
    await live.update(chain([first, program(1)]));
    for (const code of [0, 17, 3, 32]) {
      const { retval, dataOut } = await live.testRun({ data: verdictPacket([code, 2]) });
      expect({ retval, path: visited(dataOut) }).toEqual({ retval: code, path: [0] });
    }
    expect(live.status().troubles).toEqual([]);
    // What has no slot there waits for one.
    await live.update(chain([program(1)]));
    await expectModel([program(1)], "verdict", [[1, 2]]);
  });

  it("tells the names of programs from its own", async () => {
    const globals = testProgram("globals");
    const names = ["xdpgen", "xdpgen-test", "slot"];
    await live.update(
      chain(
        names.map((name) => ({ ...globals, name, proceedOn: ["drop"] })),
        { end: "tx" },
      ),
    );
    // Each sees its own variables: the first verdict of each is DROP.
    expect((await live.testRun({ data: verdictPacket([]) })).retval).toBe(3);
  });

  it.each([0, 1, 2])("lets a program change the packet at place %i of the chain", async (place) => {
    const others = [program(1), program(2)];
    const changing = testProgram("adjust");
    const ordered = [...others.slice(0, place), changing, ...others.slice(place)];
    await live.update(chain(ordered.map((one, priority) => ({ ...one, priority }))));
    const data = verdictPacket([2, 2, 2]).fill(0xff, -8);
    const { retval, dataOut } = await live.testRun({ data });
    // `adjust` says ABORTED when one of its moves fails, and leaves the last eight bytes zero.
    expect(retval).toBe(2);
    expect([...dataOut.subarray(-8)]).toEqual(Array(8).fill(0));
    expect(visited(dataOut)).toEqual([1, 2]);
  });

  it("runs what clang makes of static and global subprograms, enums and CO-RE", async () => {
    const names = ["globals", "action", "core", "mcpu-v1", "no-btf", "hidden"];
    const programs = names.map((name, priority) => ({ ...testProgram(name), priority, proceedOn: ACTIONS }));
    await live.update(chain(programs, { end: "tx" }));
    expect((await live.testRun({ data: verdictPacket([2]) })).retval).toBe(3);
    expect(live.status().programs.map((p) => p.name)).toEqual(names);
  });

  it("runs what clang makes of callbacks", async (context) => {
    const reason = lacking("function addresses, and helpers that call back");
    context.skip(reason !== undefined, reason);
    context.skip(linkage === "tail", "the maps of a loaded program are its owner's; equivalence.test.ts runs this one");
    await live.update(chain([testProgram("callback"), program(0, ["pass"], 90)]));
    const data = verdictPacket([3]);
    expect((await live.testRun({ data })).retval).toBe(3);
    const { maps } = live.status().programs.find(({ name }) => name === "callback")!;
    using weights = openMap(maps.find(({ name }) => name === "weights")!.pin);
    weights.update(u32(2), u64(1n));
    expect((await live.testRun({ data })).retval).toBe(1);
  });
});
