/**
 * Priority and proceed-on from the object itself, in the form that libxdp defined: for function F a variable `_F` in
 * DATASEC `.xdp_run_config`, a struct whose members are pointers to arrays. The value is the array's length: `priority`,
 * and one member for each XDP action. PASS is set unless `XDP_PASS` is 0.
 */
import { ACTIONS, type Action } from "../../chain/chain.ts";
import type { Btf, BtfType, TypeId } from "../btf/types.ts";

export interface RunConfig {
  readonly priority?: number;
  readonly proceedOn?: readonly Action[];
}

export function readRunConfig(btf: Btf, functionName: string): RunConfig {
  const type = (id: TypeId): BtfType | undefined => btf.types[id - 1];
  const section = btf.types.find((t) => t.kind === "datasec" && t.name === ".xdp_run_config");
  if (section?.kind !== "datasec") return {};
  const config = section.vars.map((v) => type(v.type)).find((t) => t?.kind === "var" && t.name === `_${functionName}`);
  const struct = config?.kind === "var" ? type(config.type) : undefined;
  if (struct?.kind !== "struct") return {};

  const values = new Map<string, number>();
  for (const member of struct.members) {
    const pointer = type(member.type);
    const array = pointer?.kind === "ptr" ? type(pointer.type) : undefined;
    if (array?.kind === "array") values.set(member.name, array.length);
  }
  const set = (action: Action): boolean =>
    (values.get(`XDP_${action.toUpperCase()}`) ?? (action === "pass" ? 1 : 0)) !== 0;
  const priority = values.get("priority");
  return { ...(priority === undefined ? {} : { priority }), proceedOn: ACTIONS.filter(set) };
}
