/** What the package promises: the library can do everything that the command line does. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const src = fileURLToPath(new URL("../../../src/", import.meta.url));

const files = readdirSync(`${src}cli`, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

/** Names that the command line takes from outside its folder: `[file, module, name]`. */
const imported = files.flatMap((file) => {
  const text = readFileSync(`${src}cli/${file}`, "utf8");
  const statics = [...text.matchAll(/import (?:type )?\{([^}]*)\} from "([^"]+)"/g)];
  const dynamics = [...text.matchAll(/const \{([^}]*)\} = await import\("([^"]+)"\)/g)];
  return [...statics, ...dynamics]
    .filter(([, , from]) => /^(\.\.\/)+(loader|codegen|chain|errors)/.test(from!))
    .flatMap(([, names, from]) =>
      names!
        .split(",")
        .map((name) => name.trim().replace(/^type /, ""))
        .filter(Boolean)
        .map((name) => [file, from!, name] as const),
    );
});

it("the command line imports from the leading files of other folders only", () => {
  expect(imported.length).toBeGreaterThan(20);
  const deep = imported.filter(([, from]) => !/^(\.\.\/)+((loader|codegen|chain)\/index|errors)\.ts$/.test(from));
  expect(deep).toEqual([]);
});

it("the library exports all that the command line takes", () => {
  const exported = new Set(
    [...readFileSync(`${src}index.ts`, "utf8").matchAll(/export \{([^}]*)\} from/g)].flatMap(([, names]) =>
      names!.split(",").map((name) => name.trim().replace(/^type /, "")),
    ),
  );
  expect(imported.map(([, , name]) => name).filter((name) => !exported.has(name))).toEqual([]);
});
