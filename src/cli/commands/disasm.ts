/** `xdpgen disasm`: an object, bytes of instructions, or a live program as text. */
import { InvalidArgumentError } from "commander";
import type { ElfObject } from "../../codegen/elf/index.ts";
import { readElf } from "../../codegen/elf/index.ts";
import { XdpgenError } from "../../errors.ts";
import { choice, command, type CommonOptions, type MakeCommand, printJson } from "../common.ts";
import { inputName, STDIN } from "../io.ts";
import { decodeInput, jsonCode, renderCode, type TextOptions } from "../render/code.ts";
import { jsonListing, renderObject, renderSection } from "../render/listing.ts";
import { jsonLive, renderLive } from "../render/live-program.ts";
import { findSection } from "../render/object.ts";

const DIALECTS = ["llvm", "kernel"] as const;
const BTF_STYLES = ["raw", "c"] as const;

interface Options extends CommonOptions {
  readonly id?: number;
  readonly section?: string;
  readonly dialect?: (typeof DIALECTS)[number];
  readonly btf?: (typeof BTF_STYLES)[number];
  readonly source?: true;
  readonly slots?: true;
}

export const disasmCommand: MakeCommand = (io) =>
  command("disasm", "Shows an object, bytes of instructions or a live program as text.", [
    ["xdpgen disasm prog.bpf.o", "the whole object, as `xdpgen asm` takes it back"],
    ["xdpgen disasm prog.bpf.o --section xdp --source", "one section, with the lines of C that it comes from"],
    ["xdpgen disasm prog.bpf.o --section .BTF --btf c", "its types, as C declarations"],
    ["sudo xdpgen disasm --id 812 --source", "a program in the kernel, as the verifier left it"],
    ["echo b700000002000000 9500000000000000 | xdpgen disasm", "bytes, or their hexadecimal digits"],
  ])
    .argument("[file]", "an object, bytes of instructions, or hexadecimal digits; - or nothing is standard input")
    .option("--id <number>", "a program in the kernel, by the id that status and bpftool show", programId)
    .option("--section <name>", "of an object: this section only")
    .addOption(
      choice(
        "--dialect <dialect>",
        "llvm, or kernel as verifier logs have it (default: llvm; kernel with --id)",
        DIALECTS,
      ),
    )
    .addOption(choice("--btf <style>", "with --section .BTF: how to show it, raw or c (default: raw)", BTF_STYLES))
    .option("--source", "show the source lines that the code comes from, as comments")
    .option("--slots", "number the instructions as verifier logs do, by slots of 8 bytes")
    .action(async (path: string | undefined, options: Options) => {
      const { id, section, json, btf } = options;
      if (btf !== undefined && section !== ".BTF")
        throw usage("--btf says how to show types: give --section .BTF, of an object, with it");
      if (btf !== undefined && json) throw usage("--btf chooses between texts, and --json is neither: leave out one");
      if (id !== undefined) {
        if (path !== undefined) throw usage(`--id ${id} and the file ${path} are two things to show: leave out one`);
        if (section !== undefined) throw usage("a live program has no sections: leave out --section");
        const live = await io.library.readLiveProgram(id);
        if (json) printJson(io, jsonLive(live, textOptions(options, "kernel")));
        else io.out.write(renderLive(live, textOptions(options, "kernel")));
        return;
      }
      const bytes = await io.readInput(path ?? STDIN);
      const file = inputName(path ?? STDIN);
      const text = textOptions(options, "llvm");
      if (bytes[0] !== 0x7f || bytes[1] !== 0x45) {
        if (section !== undefined) throw usage(`${file} is no object and has no section ${section}`);
        if (options.source)
          throw usage(`${file} is no object, and bytes alone know no source lines: leave out --source`);
        const instructions = decodeInput(bytes, file);
        if (json) printJson(io, jsonCode(instructions, text));
        else io.out.write(renderCode(instructions, text));
        return;
      }
      const object = readObject(bytes, file);
      const only = section === undefined ? undefined : findSection(object, section);
      if (json) printJson(io, jsonListing(object, only, text));
      else
        io.out.write(only === undefined ? renderObject(object, text) : renderSection(object, only, text, btf ?? "raw"));
    });

function readObject(bytes: Uint8Array, file: string): ElfObject {
  try {
    return readElf(bytes);
  } catch (error) {
    if (!(error instanceof XdpgenError)) throw error;
    throw new XdpgenError(error.code, `${file}: ${error.message}`, { cause: error });
  }
}

function textOptions({ dialect, source, slots }: Options, usual: (typeof DIALECTS)[number]): TextOptions {
  return { dialect: dialect ?? usual, source: source === true, slots: slots === true };
}

function programId(text: string): number {
  const id = Number(text);
  if (/^\d+$/.test(text) && id > 0 && id <= 0xffff_ffff) return id;
  throw new InvalidArgumentError("It must be a program's id, such as `xdpgen status` or `bpftool prog show` print.");
}

function usage(message: string): XdpgenError {
  return new XdpgenError("usage", message);
}
