/** `xdpgen asm`: assembly text to an object, or to the bytes of its code. Asks nothing of the kernel. */
import { readStatements } from "../../codegen/asm/index.ts";
import {
  type ElfObject,
  type ElfRelocation,
  type ElfSection,
  R_BPF_64_32,
  SHF_EXECINSTR,
  writeElf,
} from "../../codegen/elf/index.ts";
import { isBare, parseObject, undefinedHelpers } from "../../codegen/source/index.ts";
import { XdpgenError } from "../../errors.ts";
import { choice, command, type CommonOptions, type MakeCommand, printJson } from "../common.ts";
import { inputName, STDIN } from "../io.ts";
import { describeObject, findSection } from "../render/object.ts";

const FORMATS = ["object", "bytes"] as const;

interface Options extends CommonOptions {
  readonly output?: string;
  readonly format: (typeof FORMATS)[number];
  readonly section?: string;
  readonly longJumps?: true;
  readonly function?: string;
  readonly license?: string;
}

/** What makes a text without directives loadable as it is. */
const SECTION = "xdp";

export const asmCommand: MakeCommand = (io) =>
  command("asm", "Assembles BPF text; without directives it is one XDP program.", [
    ["xdpgen asm prog.s -o prog.bpf.o", "what `clang -S` wrote, or a person did"],
    ["printf 'r0 = 2\\nexit\\n' | xdpgen asm -o pass.bpf.o", "instructions alone are a program: load it with bpftool"],
    ["xdpgen disasm prog.bpf.o | xdpgen asm -o same.bpf.o", "to text and back"],
    ["xdpgen asm prog.s --format bytes | xxd", "the instructions as the kernel takes them"],
  ])
    .argument("[file]", "the text; - or nothing is standard input")
    .option("-o, --output <path>", "the file to write; - or nothing is standard output")
    .addOption(
      choice("--format <format>", "object, or bytes: the code of one section alone", FORMATS).default("object"),
    )
    .option("--section <name>", "with --format bytes: which section, where several have code")
    .option("--long-jumps", "write jumps that are too far with gotol, which the kernel knows since Linux 6.6")
    .option(
      "--function <name>",
      "the program's name, for a text without directives (default: its first label, or xdp_prog)",
    )
    .option("--license <license>", "the program's license, for a text without directives, such as GPL")
    .action(async (path: string = STDIN, options: Options) => {
      const { output = "-", format, json } = options;
      if (options.section !== undefined && format !== "bytes")
        throw usage("--section chooses what --format bytes writes");
      if (format === "bytes" && (options.function !== undefined || options.license !== undefined))
        throw usage("--function and --license belong to an object; bytes have neither");
      if (output === "-" && !json && io.out.isTerminal) {
        throw usage(
          `${format === "object" ? "an object is" : "instructions are"} no text for a terminal: name a file with --output`,
        );
      }
      const object = assemble(await io.readInput(path), inputName(path), options);
      for (const { name, number } of undefinedHelpers(object)) {
        const hint = `to call the helper write \`call ${number}\` or \`call ${name}#${number}\``;
        io.err.write(`warning: ${inputName(path)} does not define ${name}, and refers to it by name: ${hint}\n`);
      }
      const data = format === "object" ? writeElf(object) : codeOf(object, options.section);
      if (output !== "-") await io.writeFile(output, data);
      if (json)
        printJson(io, {
          ...describeObject(object),
          ...(output !== "-" && { file: { path: output, bytes: data.length } }),
        });
      else if (output === "-") io.out.write(data);
      else io.out.write(`${output}: ${data.length} bytes\n`);
    });

function assemble(bytes: Uint8Array, file: string, options: Options): ElfObject {
  const text = textOf(bytes, file);
  const { function: name, license } = options;
  if (name !== undefined && !/^[A-Za-z_]\w*$/.test(name)) {
    throw usage(`--function ${JSON.stringify(name)} is no name that a loader could call: give a C identifier`);
  }
  if (license === "") throw usage("--license is empty: name one, such as GPL, or leave the option out");
  const given = name !== undefined ? "--function" : license !== undefined ? "--license" : undefined;
  const { statements } = readStatements(text);
  if (given && statements.length > 0 && !isBare(statements)) {
    throw usage(`${given} is for a text without directives; ${file} has some: say there what ${given.slice(2)} it has`);
  }
  if (options.section !== undefined && isBare(statements)) {
    throw usage(`--section is for a text with directives; without any, ${file} is one piece of code`);
  }
  const object = parseObject(text, {
    file,
    longJumps: options.longJumps === true,
    ...(options.format === "bytes"
      ? { alone: true }
      : {
          program: { section: SECTION, ...(name !== undefined && { name }), ...(license !== undefined && { license }) },
        }),
  });
  if (object.sections.length > 0) return object;
  throw new XdpgenError(
    "asm-invalid",
    `${file} holds nothing to assemble: begin with an instruction, such as \`r0 = 2\``,
  );
}

function textOf(bytes: Uint8Array, file: string): string {
  if (bytes[0] === 0x7f && bytes[1] === 0x45) {
    throw new XdpgenError("asm-invalid", `${file} is an object, not assembly text: \`xdpgen disasm\` shows it as text`);
  }
  if (bytes.includes(0)) {
    throw new XdpgenError("asm-invalid", `${file} is binary, not assembly text: byte ${bytes.indexOf(0)} is 0`);
  }
  return new TextDecoder().decode(bytes);
}

/** The code of the only section that has any, or of the one that is asked for. */
function codeOf(object: ElfObject, wanted: string | undefined): Uint8Array {
  const withCode = object.sections.filter(({ flags, size }) => (flags & SHF_EXECINSTR) !== 0 && size > 0);
  if (wanted === undefined && withCode.length !== 1) {
    const names = withCode.map(({ name }) => name).join(", ");
    throw usage(names ? `several sections have code, ${names}: choose one with --section` : "no section has code");
  }
  const section = wanted === undefined ? withCode[0]! : object.sections[findSection(object, wanted)]!;
  if ((section.flags & SHF_EXECINSTR) === 0) {
    throw usage(`section ${section.name} holds data, and --format bytes writes instructions`);
  }
  const [relocation] = section.relocations;
  if (relocation) {
    const shown = referred(object, section, relocation);
    throw new XdpgenError(
      "object-unsupported",
      `section ${section.name} refers to ${shown} at byte ${relocation.offset}, which only an object can say: use --format object`,
    );
  }
  return section.data;
}

/** The name that a text uses for what a relocation is to: one to a section has the place in the instruction. */
function referred({ symbols, sections }: ElfObject, { data }: ElfSection, relocation: ElfRelocation): string {
  const { name, section } = symbols[relocation.symbol]!;
  if (name !== "") return name;
  const imm = Buffer.from(data.buffer, data.byteOffset).readInt32LE(relocation.offset + 4);
  const place = relocation.type === R_BPF_64_32 ? (imm + 1) * 8 : imm;
  const there = symbols.find((symbol) => symbol.name !== "" && symbol.section === section && symbol.value === place);
  return there?.name ?? (typeof section === "number" ? sections[section]!.name : "another section");
}

function usage(message: string): XdpgenError {
  return new XdpgenError("usage", message);
}
