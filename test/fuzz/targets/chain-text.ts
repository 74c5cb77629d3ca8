import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Chain, parseChain, requireChain, validateChain, warningsIn } from "../../../src/chain/index.ts";
import { lintChain, planChain } from "../../../src/codegen/index.ts";
import { type Diagnostic, formatDiagnostics } from "../../../src/diagnostic.ts";
import { chainText } from "../../support/chain-text.ts";
import { CASES } from "../../support/chains.ts";
import { random } from "../../support/random.ts";
import { verdictObject } from "../../support/verdict-program.ts";
import { checkInput, withoutStacks } from "../check.ts";
import { guided } from "../guided.ts";
import { expectInside, valueOrMistakes } from "../places.ts";
import type { FuzzTarget } from "../target.ts";

const FILE = "chain.yaml";

/** Half of the cases are written by the grammar, with mistakes; the rest are bred from the chains of test/cases. */
const target: FuzzTarget = {
  name: "chain-text",
  claim: "any text is a chain whose plan leads forward, or mistakes that stand inside of the text",
  cases: 3000,
  run(seed, cases) {
    const from = random(seed);
    const written = Math.ceil(cases / 2);
    withoutStacks(() => {
      for (let nth = 0; nth < written; nth++) checkInput(check, new TextEncoder().encode(chainText(from)));
    });
    return (
      written +
      guided({
        name: target.name,
        seeds: parents(),
        check,
        cases: cases - written,
        seed,
        files: /src\/(chain|codegen\/plan)\//,
      })
    );
  },
};
export default target;

function parents(): Uint8Array[] {
  const folders = [CASES, ...["chain-errors", "plan-errors", "lint"].map((folder) => join(CASES, folder))];
  return folders.flatMap((folder) =>
    readdirSync(folder)
      // Its aliases expand as far as they may, which every descendant would do again.
      .filter((file) => file.endsWith(".yaml") && file !== "alias-bomb.yaml")
      .map((file) => readFileSync(join(folder, file))),
  );
}

/** @throws Error when the text is neither a chain with a plan nor refused as it should be */
function check(bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes);
  const { chain, diagnostics } = parseChain(text, { file: FILE });
  checkShown(diagnostics, text);
  const wrong = diagnostics.some(({ severity }) => severity === "error");
  if ((chain === undefined) !== wrong) throw new Error("a chain and mistakes, or neither");
  if (!chain) {
    const required = valueOrMistakes(() => requireChain(text, FILE), text, "chain-invalid");
    if ("value" in required) throw new Error("parseChain refuses what requireChain takes");
    return;
  }
  const [mistake] = validateChain(chain);
  if (mistake) throw new Error(`it is read as a chain that is not valid: ${mistake.message}`);
  checkPlan(requireChain(text, FILE), text);
}

/** What no program has to do with: globals, functions and maps are out, and each has the same code. */
const BYTES = verdictObject(0);

function checkPlan(read: Chain, text: string): void {
  const programs = read.programs.map((program) => {
    const { globals: _, function: __, maps: ___, ...rest } = program;
    return { ...rest, bytes: BYTES };
  });
  const chain: Chain = { ...read, programs };
  const checkPlanned = (): void => {
    const { nodes } = planChain(chain);
    if (nodes.length !== programs.length) throw new Error(`${programs.length} programs are ${nodes.length} nodes`);
    nodes.forEach(({ edges }, index) => {
      const back = Object.values(edges).find((edge) => edge.kind === "node" && edge.node <= index);
      if (back) throw new Error(`an edge of node ${index} leads back: ${JSON.stringify(back)}`);
    });
    checkShown(warningsIn(chain.source!, lintChain(chain)), text);
  };
  valueOrMistakes(checkPlanned, text, "chain-invalid");
}

/** @throws Error if one of them does not lie in the text, or if a person would see nothing */
function checkShown(diagnostics: readonly Diagnostic[], text: string): void {
  expectInside(diagnostics, text);
  if (formatDiagnostics(diagnostics, text, FILE) === "" && diagnostics.length > 0) throw new Error("nothing is shown");
}
