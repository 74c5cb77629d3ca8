/** Whether the objects have the maps that a chain says something of, and define alike those that are to be one map. */
import { XdpgenError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { definitionText, mapDefinition } from "../object/map-definition.ts";
import { isTailCalled, type ResolvedObject, type ResolvedProgram } from "../object/program.ts";
import { type ObjectMap, objectMaps } from "./program-maps.ts";

/**
 * @param programs of one chain
 * @throws XdpgenError `chain-invalid` for a map that an object does not have, `object-unsupported` for one that cannot be shared;
 *   all mistakes at once
 */
export function requireDeclaredMaps(programs: readonly ResolvedProgram[]): void {
  const objects = programs.filter((program) => !isTailCalled(program));
  const mistakes = objects.flatMap((program) =>
    Object.entries(program.homes).flatMap(([name, home]): readonly XdpgenError[] => {
      try {
        const map = sharableMap(program, name);
        const other = objects.find((one) => one.name === home.program);
        if (other && other !== program) requireAlike(program, map, other, sharableMap(other, name));
        return [];
      } catch (error) {
        if (error instanceof XdpgenError) return [error];
        throw error;
      }
    }),
  );
  const [first] = mistakes;
  if (first) throw new XdpgenError(first.code, [...new Set(mistakes.map(({ message }) => message))].join("\n"));
}

function sharableMap(program: ResolvedObject, name: string): ObjectMap {
  const maps = objectMaps(program);
  const map = maps.find((one) => one.name === name);
  const what = `${program.name} (${program.path})`;
  if (!map) {
    const near = nearest(
      name,
      maps.map((one) => one.name),
    );
    const has = maps.length > 0 ? `it has ${maps.map((one) => one.name).join(", ")}` : "it has none";
    throw new XdpgenError(
      "chain-invalid",
      `${what}: the object has no map ${name}; ${near ? `did you mean ${near}? ` : ""}${has}`,
    );
  }
  if (map.shared) {
    throw new XdpgenError(
      "object-unsupported",
      `${what}: map ${name} is pinned by name in its object, so all programs of the chain that use the name have it already; ` +
        "to say where it is in chain.yaml, compile it without `pinning`",
    );
  }
  if (map.values.length > 0) {
    throw new XdpgenError(
      "object-unsupported",
      `${what}: map ${name} holds entries from the start, which its object fills anew at each load; it can neither be shared ` +
        "nor have a pin of its own",
    );
  }
  return map;
}

function requireAlike(program: ResolvedObject, map: ObjectMap, home: ResolvedObject, other: ObjectMap): void {
  const [ours, theirs] = [textOf(program, map), textOf(home, other)];
  if (ours === theirs) return;
  throw new XdpgenError(
    "object-unsupported",
    `${program.name} (${program.path}): map ${map.name} is to be that of ${home.name} (${home.path}), and they are defined ` +
      `differently: ${ours} in ${program.name}, ${theirs} in ${home.name}; compile both against one definition`,
  );
}

function textOf({ object }: ResolvedObject, { of }: ObjectMap): string {
  return definitionText(mapDefinition(object.btf, of));
}
