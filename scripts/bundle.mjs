/**
 * Programs as one file each, with what they import, and what several or their later imports share in files beside it. Node reads
 * 533 modules to start `xdpgen`, which takes three times as long as to read them as one.
 */
import { existsSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

const COMMAND = "src/cli/bin.ts";

/** It brings a library of machine code, which cannot be bundled. */
const EXTERNAL = ["koffi"];

/** Some packages are CommonJS and require modules of Node, which modules cannot by themselves. */
const REQUIRE = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/**
 * @param {{ entries: string[], outbase: string, folder: string, plugins?: import("esbuild").Plugin[] }} what paths from the root;
 *   a program has in `folder` the path that it has in `outbase`
 */
const bundle = ({ entries, outbase, folder, plugins = [] }) =>
  build({
    absWorkingDir: root,
    entryPoints: entries,
    outbase,
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    external: EXTERNAL,
    banner: { js: REQUIRE },
    metafile: true,
    sourcemap: "linked",
    sourcesContent: false,
    logLevel: "warning",
    plugins,
  });

/**
 * The command, with the licences of the packages in it.
 * @param {string} folder emptied first
 */
export async function bundleCommand(folder) {
  rmSync(folder, { recursive: true, force: true });
  const { metafile } = await bundle({ entries: [COMMAND], outbase: dirname(COMMAND), folder });
  writeFileSync(join(folder, "licenses.txt"), licencesOf(Object.keys(metafile.inputs)));
}

/**
 * The command, and what else tests start in processes of their own, by their paths in the checkout. Files that they find beside
 * their sources they find from there too.
 * @param {string} folder
 */
export async function bundleForTests(folder) {
  for (const entries of [[COMMAND], ["test/kernel/**/*child.ts"]])
    await bundle({ entries, outbase: ".", folder, plugins: [sourcesStay] });
  const packages = join(folder, "node_modules");
  if (!existsSync(packages)) symlinkSync(join(root, "node_modules"), packages);
}

/** @type {import("esbuild").Plugin} */
const sourcesStay = {
  name: "import.meta.url is the source's",
  setup(hooks) {
    hooks.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
    }));
  },
};

/** @param {readonly string[]} inputs paths of modules from the root @returns {string} */
function licencesOf(inputs) {
  const packages = inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(packages)]
    .toSorted()
    .map((path) => {
      const { name, version } = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"));
      const file = readdirSync(join(root, path)).find((each) => /^licen[cs]e/i.test(each));
      if (file === undefined) throw new Error(`${path} has no licence file, and is to be published with its licence`);
      return `${name} ${version}\n\n${readFileSync(join(root, path, file), "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}
