/** What the package promises: the library can do everything that the command line does. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
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
    .filter(([, , from]) => /^(\.\.\/)+(loader|codegen|chain|packets|errors|diagnostic|nearest)/.test(from!))
    .flatMap(([, names, from]) =>
      names!
        .split(",")
        .map((name) => name.trim().replace(/^type /, ""))
        .filter(Boolean)
        .map((name) => [file, from!, name] as const),
    );
});

/** Source files that are an export of the package as they are: the library, and its parts under a name of their own. */
const published = new Set(
  Object.values((JSON.parse(readFileSync(`${src}../package.json`, "utf8")) as { exports: object }).exports)
    .filter((entry: unknown): entry is { default: string } => typeof entry === "object")
    .map((entry) => entry.default.replace(/^\.\/dist\/(.*)\.js$/, "$1.ts")),
);

/** The path below src/ of a module that a file of the command line imports. */
const pathOf = (file: string, from: string): string => join("cli", dirname(file), from);

it("the command line imports from the leading files of other folders only", () => {
  expect(imported.length).toBeGreaterThan(20);
  const leading = /^((loader|codegen|chain|packets)\/index|loader\/text|errors|diagnostic|nearest)\.ts$/;
  const paths = imported.map(([file, from]) => pathOf(file, from));
  expect(paths.filter((path) => !leading.test(path) && !published.has(path))).toEqual([]);
});

it("the library exports all that the command line takes", () => {
  const exported = new Set(
    [...readFileSync(`${src}index.ts`, "utf8").matchAll(/export \{([^}]*)\} from/g)].flatMap(([, names]) =>
      names!.split(",").map((name) => name.trim().replace(/^type /, "")),
    ),
  );
  const hidden = imported.filter(([file, from, name]) => !published.has(pathOf(file, from)) && !exported.has(name));
  expect(hidden).toEqual([]);
});
