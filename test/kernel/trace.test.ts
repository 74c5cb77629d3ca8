/** A chain that is traced decides as one that is not, and what is told of the way is the way of the model. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openTracer } from "../../src/loader/index.ts";
import { chainOf, testProgram } from "../support/chains.ts";
import { lacking } from "../support/kernel-differences.ts";
import { compile } from "../support/objects.ts";
import { expected, proofs, showProof } from "../support/proof.ts";
import { kernelMissing } from "../support/samples.ts";
import { verdictObject, verdictPacket, visited } from "../support/verdict-program.ts";

const inVm = process.env["XDPGEN_VM"] !== undefined;

describe.skipIf(kernelMissing())("a tracer", () => {
  it("tells of random graphs what the model and the packet itself say", async () => {
    await fc.assert(
      fc.asyncProperty(proofs, async (proof) => {
        using tracer = await openTracer(proof.chain);
        for (const packet of proof.packets) {
          const { verdict, steps, data } = await tracer.run(verdictPacket(packet));
          const path = steps.map(({ program }) => program);
          const shown = showProof(proof);
          expect({ path, verdict, shown }).toEqual({ ...expected(proof, packet), shown });
          expect(visited(data).map((k) => `p${k}`)).toEqual(path);
          expect(steps.map(({ code }) => code)).toEqual(path.map((name) => packet[Number(name.slice(1))]));
          expect(steps.every(({ nanoseconds }) => nanoseconds > 0)).toBe(true);
        }
      }),
      { numRuns: inVm ? 10 : 100 },
    );
  });

  it("keeps maps from packet to packet, and has its own", async () => {
    const chain = chainOf([testProgram("globals")]);
    const verdicts = async (): Promise<readonly number[]> => {
      using tracer = await openTracer(chain);
      const data = verdictPacket([]);
      return [(await tracer.run(data)).verdict, (await tracer.run(data)).verdict];
    };
    const [first, second] = await verdicts();
    expect(second).not.toBe(first);
    expect(await verdicts()).toEqual([first, second]);
  });

  it("runs one packet after the other, also those that are given at once, and ends when all have run", async () => {
    const chain = chainOf(
      [0, 1].map((k) => ({ name: `p${k}`, object: `p${k}.o`, bytes: verdictObject(k), priority: k })),
    );
    const packets = Array.from({ length: 20 }, (_, n) => [n % 2 === 0 ? 2 : 1, 3]);
    const tracer = await openTracer(chain);
    const traced = packets.map((packet) => tracer.run(verdictPacket(packet)));
    tracer[Symbol.dispose]();
    for (const [n, { verdict, steps }] of (await Promise.all(traced)).entries()) {
      expect([verdict, steps.map(({ code }) => code)]).toEqual(n % 2 === 0 ? [3, [2, 3]] : [1, [1]]);
    }
    await expect(tracer.run(verdictPacket([]))).rejects.toMatchObject({ code: "usage" });
  });

  it("says where a packet comes from", async (context) => {
    const reason = lacking("frames that come in by a chosen interface");
    context.skip(reason !== undefined, reason);
    using tracer = await openTracer(chainOf([testProgram("ingress")]));
    expect(await tracer.run(verdictPacket([]), { ifindex: 1, queue: 0 })).toMatchObject({ verdict: 1 });
    await expect(tracer.run(verdictPacket([]), { ifindex: 1, queue: 7 })).rejects.toThrow(/no receive queue 7/);
    await expect(tracer.run(new Uint8Array(13))).rejects.toThrow(/13 bytes, less than an Ethernet header/);
  });

  it("gives back a frame that grew by nearly a page", async () => {
    const bytes = compile(`
      struct xdp_md { unsigned int data, data_end; };
      static long (*adjust_tail)(struct xdp_md *ctx, int delta) = (void *)65;
      __attribute__((section("xdp"), used)) int grow(struct xdp_md *ctx) { return adjust_tail(ctx, 3000) ? 1 : 2; }
      char _license[] __attribute__((section("license"), used)) = "GPL";
    `);
    using tracer = await openTracer(chainOf([{ name: "grow", object: "grow.bpf.o", bytes }]));
    const { verdict, data } = await tracer.run(new Uint8Array(64));
    expect({ verdict, bytes: data.length }).toEqual({ verdict: 2, bytes: 3064 });
  });

  it("runs what is declared as freplace, linked", async () => {
    const program = { name: "p0", object: "p0.bpf.o", bytes: verdictObject(0), linkage: "freplace" as const };
    using tracer = await openTracer(chainOf([program], { linkage: "freplace" }));
    expect(await tracer.run(verdictPacket([3]))).toMatchObject({ verdict: 3, steps: [{ program: "p0", code: 3 }] });
  });
});
