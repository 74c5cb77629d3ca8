/** A synthesised dispatcher in the interpreter: its bytes as they stand in the object, its programs any codes. */
import type { DispatcherImage } from "../../src/codegen/index.ts";
import { dispatcherCode } from "./dispatcher-code.ts";
import { run } from "./interpreter.ts";
import type { Outcome } from "./model.ts";

/** What the programs are called with: any value that nothing else has. */
const CONTEXT = 0x1234n;

/** @param codeOf what each program returns, by name */
export function interpreted(image: DispatcherImage): (codeOf: (program: string) => number) => Outcome {
  const [first] = image.slots;
  if (image.slots.length === 1 && first!.symbol === image.main) {
    return (codeOf) => ({ path: [first!.program], verdict: codeOf(first!.program) });
  }
  const code = dispatcherCode(image.elf);
  const programs = new Map(image.slots.map(({ symbol, program }) => [symbol, program]));
  return (codeOf) => {
    const path: string[] = [];
    const calls =
      (symbol: string) =>
      (args: readonly bigint[]): bigint => {
        if (args[0] !== CONTEXT) throw new Error(`${symbol} is called with ${args[0]} as its context`);
        const program = programs.get(symbol)!;
        path.push(program);
        // The upper half of R0 is the program's own affair.
        return BigInt(codeOf(program)) | 0xdead_0000_0000n;
      };
    const { code: verdict } = run(code, { args: [CONTEXT], calls });
    return { path, verdict };
  };
}
