/**
 * Warnings about a chain that is right and may not be meant. In: a chain with the bytes of its objects. Out: warnings as
 * values, without those that the chain silences. `facts.ts` is what can happen, `flow.ts` and `declared.ts` are the rules.
 */
import type { Allow } from "../../chain/allow.ts";
import type { Chain } from "../../chain/chain.ts";
import { planChain } from "../dispatcher/synthesise.ts";
import { declaredWarnings } from "./declared.ts";
import { factsOf } from "./facts.ts";
import { flowWarnings } from "./flow.ts";
import { keptWarnings } from "./kept.ts";
import type { Warning } from "./warning.ts";

/**
 * The warnings of a chain, in no order of place. A program's `allow` silences those about the program, the chain's all.
 *
 * @throws XdpgenError as `synthesise`, where the chain or an object is wrong
 */
export function lintChain(chain: Chain): readonly Warning[] {
  const facts = factsOf(chain, planChain(chain));
  const warnings = [...flowWarnings(facts), ...keptWarnings(chain, facts), ...declaredWarnings(chain, facts)];
  const used = new Set<string>();
  const silenced = ({ code, path }: Warning): boolean => {
    const places = [
      ["allow", code],
      ["programs", path[1]!, "allow", code],
    ];
    const by = places.filter((place) => reasonAt(chain, place) !== undefined);
    for (const place of by) used.add(JSON.stringify(place));
    return by.length > 0;
  };
  const left = warnings.filter((warning) => !silenced(warning));
  return [...left, ...useless(chain, used)];
}

function reasonAt(chain: Chain, place: Warning["path"]): string | undefined {
  const allow: Allow | undefined = place.length === 2 ? chain.allow : chain.programs[Number(place[1])]?.allow;
  return (allow as Readonly<Record<string, string>> | undefined)?.[place.at(-1)!];
}

function useless(chain: Chain, used: ReadonlySet<string>): readonly Warning[] {
  const places = [
    ...Object.keys(chain.allow ?? {}).map((code) => ["allow", code]),
    ...chain.programs.flatMap(({ allow = {} }, index) =>
      Object.keys(allow).map((code) => ["programs", index, "allow", code]),
    ),
  ];
  return places
    .filter((path) => !used.has(JSON.stringify(path)))
    .map((path): Warning => {
      const message = `\`allow\` of ${path.at(-1)} silences nothing`;
      return { code: "useless-allow", path, at: "key", message, hint: "take it out" };
    });
}
