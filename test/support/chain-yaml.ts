/** A chain made in code as the chain.yaml that means the same, for people who have to read it. */
import { stringify } from "yaml";
import type { Chain } from "../../src/chain/index.ts";

/** Reads as the same chain, but for the bytes of the objects. */
export function chainToYaml({ name, end, counters, groups, programs }: Chain): string {
  const isPlain = (value: object): boolean => Object.keys(value).length > 0;
  const document = {
    chain: name,
    ...(end !== "verdict" && { end }),
    ...(counters && { counters }),
    ...(groups && isPlain(groups) && { groups }),
    programs: programs.map(({ name: program, object, priority, group, proceedOn, on }) => ({
      name: program,
      object,
      ...(priority !== undefined && { priority }),
      ...(group !== undefined && { group }),
      ...(proceedOn && { "proceed-on": proceedOn }),
      ...(on && { on }),
    })),
  };
  return stringify(document);
}
