/** Which program a slot is for: exactly one of object, pin and id, and only keys that go with it. */
import { OBJECT_LINKAGES } from "./chain.ts";
import type { Mistake, Path } from "./mistake.ts";
import { OBJECT_KEYS, SOURCE_KEYS } from "./schema.ts";

type Map = Readonly<Record<string, unknown>>;

/**
 * @param chain the linkage that the chain declares
 * @param owner the program in a sentence
 */
export function sourceMistakes(program: Map, at: Path, chain: unknown, owner: string): readonly Mistake[] {
  const [source, ...others] = SOURCE_KEYS.filter((key) => key in program);
  if (source === undefined) {
    const hint =
      "say where its ELF object is: `object: PATH`; of a program that is loaded already, `pinned: PATH` or `id: N`";
    return [{ code: "missing-key", path: [...at, "object"], at: "key", message: `${owner} has no \`object\``, hint }];
  }
  const contradiction = (key: string, place: Mistake["at"], message: string, hint: string): Mistake => {
    return { code: "contradiction", path: [...at, key], at: place, message, hint };
  };
  const twice = others.map((other) =>
    contradiction(
      other,
      "key",
      `${owner} has both \`${source}\` and \`${other}\``,
      "keep the one that says what it is",
    ),
  );
  return [...twice, ...(source === "object" ? linkageOfObject() : keysOfLoaded())];

  function linkageOfObject(): readonly Mistake[] {
    const own = program["linkage"];
    const declared = own === undefined || own === "auto" ? chain : own;
    if (declared !== "tail") return [];
    const message = `${owner} is an object, and linkage \`tail\` is for programs that are loaded already`;
    const hint = `use ${OBJECT_LINKAGES.join(", ")} or auto; or load it yourself and say \`pinned: PATH\``;
    return [contradiction(own === declared ? "linkage" : "object", own === declared ? "value" : "key", message, hint)];
  }

  function keysOfLoaded(): readonly Mistake[] {
    const owned = OBJECT_KEYS.filter((key) => key in program).map((key) => {
      const message = `${owner} is loaded already, and \`${key}\` speaks of an object`;
      return contradiction(key, "key", message, "take it out, or give the `object`");
    });
    const linkage = program["linkage"];
    if (!OBJECT_LINKAGES.some((one) => one === linkage)) return owned;
    const message = `${owner} is loaded already, and linkage \`${String(linkage)}\` needs its object`;
    return [...owned, contradiction("linkage", "value", message, "take it out, or give the `object`")];
  }
}
