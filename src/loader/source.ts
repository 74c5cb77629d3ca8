/** chain.yaml and the objects that it names, from disk. In: a path. Out: a chain whose programs have their bytes. */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Chain, Program } from "../chain/chain.ts";
import { capturesOf, type Check, editable, requireChain, type EditableChain } from "../chain/index.ts";
import { nearest } from "../nearest.ts";
import { XdpgenError } from "../errors.ts";
import { isErrno } from "./kernel.ts";

/**
 * Reads a chain.yaml and the objects of its programs.
 *
 * @throws XdpgenError `chain-invalid` with every mistake of the file, `file-unreadable` with every file that cannot be read
 */
export async function loadChain(path: string): Promise<EditableChain> {
  const text = await readBytes(path, `the chain ${path}`);
  return resolveChain(requireChain(new TextDecoder().decode(text), path));
}

/**
 * Reads the objects of those programs, and the captures of those checks, that have no bytes yet. What has been read stays, so an object is read once however
 * often its chain is changed.
 *
 * @throws XdpgenError `file-unreadable` with every file that cannot be read
 */
export async function resolveChain(chain: Chain): Promise<EditableChain> {
  const mistakes: XdpgenError[] = [];
  const programs = await Promise.all(
    chain.programs.map(async (program): Promise<Program> => {
      if (program.bytes) return program;
      try {
        return {
          ...program,
          bytes: await readBytes(program.object, `program ${program.name}: the object ${program.object}`),
        };
      } catch (error) {
        if (!(error instanceof XdpgenError)) throw error;
        mistakes.push(error);
        return program;
      }
    }),
  );
  const checks = chain.checks && (await Promise.all(chain.checks.map((check) => readCaptures(check, mistakes))));
  if (mistakes.length === 1) throw mistakes[0]!;
  if (mistakes.length > 1) {
    throw new XdpgenError("file-unreadable", mistakes.map((mistake) => mistake.message).join("\n"));
  }
  return editable({ ...chain, programs, ...(checks && { checks }) });
}

/** The check with the bytes of its captures. */
async function readCaptures(check: Check, mistakes: XdpgenError[]): Promise<Check> {
  const missing = capturesOf(check).filter((path) => !check.captures?.[path]);
  if (missing.length === 0) return check;
  const read = async (path: string): Promise<readonly [string, Uint8Array]> => [
    path,
    await readBytes(path, `check \`${check.name}\`: the capture ${path}`),
  ];
  try {
    return { ...check, captures: { ...check.captures, ...Object.fromEntries(await Promise.all(missing.map(read))) } };
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    mistakes.push(error);
    return check;
  }
}

async function readBytes(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new XdpgenError("file-unreadable", `${what} ${reason(path, cause)}`, { cause });
  }
}

function reason(path: string, cause: unknown): string {
  if (isErrno(cause, "ENOENT")) {
    const near = neighbour(path);
    return `does not exist${near ? `; did you mean ${near}?` : ""}`;
  }
  if (isErrno(cause, "EISDIR")) return "is a directory, not a file: name the file in it";
  if (isErrno(cause, "EACCES", "EPERM"))
    return `may not be read by user ${process.geteuid?.() ?? "?"}: check its permissions`;
  return `cannot be read: ${(cause as Error).message}`;
}

function neighbour(path: string): string | undefined {
  const folder = dirname(path);
  try {
    const name = nearest(basename(path), readdirSync(folder));
    return name && (folder === "." && !path.startsWith("./") ? name : `${folder}/${name}`);
  } catch {
    return undefined;
  }
}
