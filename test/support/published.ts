/**
 * The package as npm would publish it, in a folder of its own: package.json, and src compiled to where its exports and its
 * command are. Nothing that it depends on is there, so what runs in it stands alone.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const compiler = join(root, "node_modules/typescript/bin/tsc");

export interface PublishedPackage extends Disposable {
  readonly folder: string;
  /** Compiles a program against the package's types, runs it in the package's folder, and gives what it prints. */
  readonly run: (name: string, text: string) => string;
}

/** Compiles the package. @throws Error with the compiler's words */
export function publish(): PublishedPackage {
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-published-"));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    compile(["-p", join(root, "tsconfig.build.json"), "--outDir", join(folder, "dist"), "--sourceMap", "false"]);
    execFileSync(process.execPath, [join(root, "scripts/build-command.mjs"), join(folder, "dist/cli")]);
    copyFileSync(join(root, "package.json"), join(folder, "package.json"));
    mkdirSync(join(folder, "bpf"));
    symlinkSync(join(root, "bpf/.output"), join(folder, "bpf/.output"));
  } catch (error) {
    dispose();
    throw error;
  }
  const run = (name: string, text: string): string => {
    writeFileSync(join(folder, `${name}.mts`), text);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings(`${name}.mts`)));
    compile(["-p", folder]);
    return execFileSync(process.execPath, [`${name}.mjs`], { cwd: folder, encoding: "utf8" });
  };
  return { folder, run, [Symbol.dispose]: dispose };
}

/** As strict as a user can be, and without the settings that only our own sources need. */
const settings = (file: string) => ({
  compilerOptions: {
    target: "es2022",
    lib: ["es2023"],
    module: "nodenext",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  },
  files: [file],
});

function compile(words: readonly string[]): void {
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...words], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`tsc ${words.join(" ")} ended with ${status}:\n${stdout}`);
}

/** A page of docs/. */
export interface Page {
  readonly text: string;
  /** The contents of its code blocks of one language, in order. */
  readonly blocks: (language: string) => readonly string[];
}

export function page(name: string): Page {
  const text = readFileSync(join(root, "docs", name), "utf8");
  return { text, blocks: (language) => blocksOf(text, language) };
}

/** The contents of a text's code blocks of one language, in order. */
export function blocksOf(text: string, language: string): readonly string[] {
  return [...text.matchAll(/^```(\S*)\n(.*?)^```$/gms)].filter(([, it]) => it === language).map(([, , it]) => it!);
}
