/** The targets as tests: one each, of as many cases as take a few seconds, other ones in each run. */
import { expect, test } from "vitest";
import { loadTarget, obstacle, targetNames } from "./targets.ts";

/** Every instruction is emulated in the virtual machine. */
const SLOWER = process.env["XDPGEN_VM"] === undefined ? 1 : 20;
/** Milliseconds after which a test is a hang: those that take longest take minutes, and longer beside others. */
const HANGS = 20 * 60_000;
const SEED = Number(process.env["XDPGEN_SEED"] ?? Math.floor(Math.random() * 0x8000_0000));

/** One test for each target that loads something into the kernel, or for each that does not. */
export async function testTargets(needsKernel: boolean): Promise<void> {
  for (const name of targetNames()) {
    const target = await loadTarget(name);
    if ((target.needsKernel ?? false) !== needsKernel) continue;
    test(`${name}: ${target.claim}`, { timeout: HANGS }, async (context) => {
      const reason = obstacle(target);
      context.skip(reason !== undefined, reason);
      const cases = Math.ceil(target.cases / SLOWER);
      const again = `npm run fuzz -- ${name} --seed ${SEED} --cases ${cases}`;
      const checked = await Promise.resolve(target.run(SEED, cases)).catch((cause: unknown) => {
        throw new Error(`seed ${SEED}: ${cause instanceof Error ? cause.message : String(cause)}\nagain: ${again}`, {
          cause,
        });
      });
      expect(checked).toBeGreaterThan(0);
    });
  }
}
