/**
 * A newer LLVM than the system's, as a witness for instructions that the system's does not know.
 *
 * In: Debian's packages. Out: a folder of the cache named after the major version, with the few tools in `bin`, and in
 * `lib` the libraries that they need, the C library and its loader among them: the tools are started by that loader, so
 * they run on any Debian, and nothing is installed.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { askCache, closure, download, unpack } from "../debian/apt.ts";
import type { PrivateApt } from "../debian/apt.ts";
import { cacheFolder, fetchInto } from "../debian/cache.ts";
import { ScriptFailure } from "../debian/failure.ts";
import { run } from "../debian/run.ts";

/** The first LLVM that knows every instruction of RFC 9669 and the load-acquire and store-release that came after it. */
export const COMPLETE = 20;

/** Debian's newest is in sid; forky stands in when sid is between two versions of something. */
const suites = ["sid", "forky"] as const;

const tools = ["llvm-mc", "llvm-objdump", "llvm-readelf"] as const;

export type LlvmTool = (typeof tools)[number];

/** An unpacked LLVM in `root`. */
export type Llvm = { readonly version: number; readonly root: string };

const isLoader = (name: string): boolean => /^ld-linux.*\.so\.\d+$/.test(name);

/** The words that run a program by the loader of `libraries` with nothing but those libraries. */
function underLoader(libraries: string, ...words: readonly string[]): [string, ...string[]] {
  const loader = readdirSync(libraries).find(isLoader);
  if (loader === undefined) throw new ScriptFailure(`no loader ld-linux* among the libraries in ${libraries}`);
  return [join(libraries, loader), "--inhibit-cache", "--library-path", libraries, ...words];
}

/** The words that start a tool, before its own arguments. */
export const llvmCommand = ({ root }: Llvm, tool: LlvmTool): readonly [string, ...string[]] =>
  underLoader(join(root, "lib"), join(root, "bin", tool));

/** The newest LLVM of the cache, or `undefined`. */
export function cachedLlvm(): Llvm | undefined {
  const folder = cacheFolder("llvm");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^\d+$/.test(name)) : [];
  const version = Math.max(...names.map(Number));
  return names.length === 0 ? undefined : { version, root: join(folder, String(version)) };
}

/**
 * Fetches Debian's newest LLVM into the cache.
 *
 * @throws ScriptFailure when no suite has a complete one that runs here, saying what each answered.
 */
export async function fetchLlvm(say: (line: string) => void): Promise<Llvm> {
  const root = await fetchInto(cacheFolder("llvm"), { what: "Debian's newest LLVM", suites, say, make });
  return { version: Number(basename(root)), root };
}

/** The newest of `llvm-19`, `llvm-23`, … among the names of packages; 0 without any. */
export const newestVersion = (names: readonly string[]): number =>
  Math.max(0, ...names.map((name) => Number(/^llvm-(\d+)$/.exec(name)?.[1] ?? 0)));

async function make(apt: PrivateApt, target: string): Promise<string> {
  const version = newestVersion(await askCache(apt, "pkgnames", "llvm-"));
  if (version < COMPLETE)
    throw new ScriptFailure(`${apt.suite} has no LLVM from ${COMPLETE} on, the newest is ${version}`);
  await download(apt, await closure(apt, `llvm-${version}`));
  await arrange(await unpack(apt), version, target);
  const [file, ...words] = llvmCommand({ version, root: target }, "llvm-mc");
  const said = (await run(`starting llvm-mc ${version}`, file, [...words, "--version"])).toString();
  if (!said.includes(`LLVM version ${version}.`))
    throw new ScriptFailure(`llvm-mc of llvm-${version} is another:\n${said}`);
  return String(version);
}

/** Copies the tools out of the unpacked `files`, and the libraries that their loader finds for them. */
async function arrange(files: string, version: number, target: string): Promise<void> {
  const libraries = readdirSync(join(files, "usr", "lib"))
    .map((name) => join(files, "usr", "lib", name))
    .find((folder) => folder.endsWith("-linux-gnu") && readdirSync(folder).some(isLoader));
  if (libraries === undefined) throw new ScriptFailure(`no C library among the packages of llvm-${version}`);
  for (const name of ["bin", "lib"]) mkdirSync(join(target, name));
  const needed = new Set<string>();
  for (const tool of tools) {
    const path = join(files, "usr", "lib", `llvm-${version}`, "bin", tool);
    const [loader, ...words] = underLoader(libraries, path);
    // Without `--list` first the loader would start the program.
    const listed = await run(`listing the libraries of ${tool}`, loader, ["--list", ...words]);
    libraryPaths(listed.toString()).forEach((each) => needed.add(each));
    needed.add(loader);
    // A link would point out of the folder; the tools' names must stay, for llvm-readelf knows by its own that it is not llvm-readobj.
    copyFileSync(path, join(target, "bin", tool));
  }
  for (const path of needed) {
    if (!path.startsWith(`${files}/`)) {
      throw new ScriptFailure(`the packages of llvm-${version} lack ${basename(path)}: it would be the system's own`);
    }
    copyFileSync(realpathSync(path), join(target, "lib", basename(path)));
  }
}

/** The files in what `ld.so --list` prints: `NAME => PATH (ADDRESS)`. The vDSO has no file, and the loader is added by name. */
export function libraryPaths(listed: string): string[] {
  const lines = listed.split("\n").map((line) => line.trim());
  return lines
    .map((line) => /^(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$/.exec(line))
    .filter((match) => match !== null)
    .filter(([, name = ""]) => !isLoader(basename(name)))
    .map(([, name = "", path = ""]) => (path === "not found" ? name : path));
}
