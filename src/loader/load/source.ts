/** chain.yaml and the objects that it names, from disk. In: a path. Out: a chain whose programs have their bytes. */
import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Chain, Program } from "../../chain/chain.ts";
import {
  capturesOf,
  type Check,
  editable,
  type EditableChain,
  type PlacedWarning,
  refuseChain,
  requireChain,
  writtenAt,
} from "../../chain/index.ts";
import { resolvePrograms } from "../../codegen/index.ts";
import { XdpgenError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { isErrno } from "../machine/kernel.ts";
import { NotRegular, readRegularFile } from "./regular-file.ts";

/**
 * Reads a chain.yaml and the objects of its programs.
 *
 * @throws XdpgenError `chain-invalid` with every mistake of the file, `file-unreadable` with every file that cannot be read
 */
export async function loadChain(path: string): Promise<EditableChain> {
  const text = await readChain(path);
  return resolveChain(requireChain(new TextDecoder().decode(text), path));
}

async function readChain(path: string): Promise<Uint8Array> {
  try {
    return await readRegularFile(path);
  } catch (cause) {
    const message = inOneLine({ message: `the chain ${path} ${problem(cause)}`, ...advice(path, path, cause) });
    throw new XdpgenError("file-unreadable", message, { cause });
  }
}

/**
 * Reads the objects of those programs, and the captures of those checks, that have no bytes yet. What has been read stays, so an
 * object is read once however often its chain is changed.
 *
 * @throws XdpgenError `file-unreadable` with every file that cannot be read, and what is wrong with the objects that can
 */
export async function resolveChain(chain: Chain): Promise<EditableChain> {
  const mistakes: FileMistake[] = [];
  const read = async (path: string, place: FileMistake["path"], what: string): Promise<Uint8Array | undefined> => {
    try {
      return await readRegularFile(path);
    } catch (cause) {
      const written = (chain.source && writtenAt(chain.source, place)) ?? path;
      const message = `${what} ${written} ${problem(cause)}`;
      mistakes.push({
        code: "file-unreadable",
        path: place,
        at: "value",
        message,
        cause,
        ...advice(path, written, cause),
      });
      return undefined;
    }
  };
  const programs = await Promise.all(
    chain.programs.map(async (program, index): Promise<Program> => {
      if (program.bytes || program.object === undefined) return program;
      const what = `program ${program.name}: the object`;
      const bytes = await read(program.object, ["programs", index, "object"], what);
      return bytes ? { ...program, bytes } : program;
    }),
  );
  const checks = await Promise.all(
    (chain.checks ?? []).map(async (check, index): Promise<Check> => {
      const captures = { ...check.captures };
      for (const path of capturesOf(check)) {
        const key = check.packet === path ? "packet" : "packet-after";
        const bytes =
          captures[path] ?? (await read(path, ["checks", index, key], `check \`${check.name}\`: the capture`));
        if (bytes) captures[path] = bytes;
      }
      return Object.keys(captures).length > 0 ? { ...check, captures } : check;
    }),
  );
  if (mistakes.length > 0) refuse(chain, [...mistakes, ...objectMistakes(chain, programs)]);
  return editable({ ...chain, programs, ...(chain.checks && { checks }) });
}

interface FileMistake extends PlacedWarning {
  readonly cause: unknown;
}

/** What is wrong with the objects that could be read: one that is not there does not hide it. */
function objectMistakes(chain: Chain, programs: readonly Program[]): readonly FileMistake[] {
  return programs.flatMap((program, index): FileMistake[] => {
    if (!program.bytes) return [];
    try {
      resolvePrograms({ ...chain, programs: [program] }, "call");
      return [];
    } catch (cause) {
      if (!(cause instanceof XdpgenError)) throw cause;
      return [{ code: cause.code, path: ["programs", index, "object"], at: "value", message: cause.message, cause }];
    }
  });
}

/** In order of declaration, and in its place where the chain was read from a file. */
function refuse(chain: Chain, mistakes: readonly FileMistake[]): never {
  const sorted = mistakes.toSorted(byDeclaration);
  if (chain.source) refuseChain(chain, sorted, "file-unreadable");
  throw new XdpgenError("file-unreadable", sorted.map(inOneLine).join("\n"), { cause: sorted[0]!.cause });
}

/** Programs before checks. */
function byDeclaration(a: FileMistake, b: FileMistake): number {
  return String(b.path[0]).localeCompare(String(a.path[0])) || Number(a.path[1]) - Number(b.path[1]);
}

function inOneLine({ message, hint }: { readonly message: string; readonly hint?: string }): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}

function problem(cause: unknown): string {
  if (isErrno(cause, "ENOENT")) return "does not exist";
  if (isErrno(cause, "EISDIR")) return "is a directory, not a file";
  if (cause instanceof NotRegular) return `is ${cause.kind}, not a file`;
  if (isErrno(cause, "EACCES", "EPERM")) return `may not be read by user ${process.geteuid?.() ?? "?"}`;
  return `cannot be read: ${(cause as Error).message}`;
}

/** @param written the path as it is to be shown, `path` being where it leads */
function advice(path: string, written: string, cause: unknown): { readonly hint?: string } {
  if (isErrno(cause, "EISDIR")) return { hint: "name the file in it" };
  if (cause instanceof NotRegular) return { hint: "write what comes from it to a file, and name that" };
  if (isErrno(cause, "EACCES", "EPERM")) return { hint: "check its permissions" };
  const near = isErrno(cause, "ENOENT") ? neighbour(path, written) : undefined;
  return near === undefined ? {} : { hint: `did you mean ${near}?` };
}

function neighbour(path: string, written: string): string | undefined {
  try {
    const name = nearest(basename(path), readdirSync(dirname(path)));
    return name && written.slice(0, written.length - basename(written).length) + name;
  } catch {
    return undefined;
  }
}
