import { describe, expect, it } from "vitest";
import { decode, encode, exit, mov64Imm, R0 } from "../../../src/codegen/asm/index.ts";
import { readElf, writeElf } from "../../../src/codegen/elf/index.ts";
import { parseObject } from "../../../src/codegen/source/index.ts";
import { compile } from "../../support/objects.ts";
import { meaning } from "../source/same.ts";
import { run, type World } from "./fake.ts";

const OBJECT = compile(`
  __attribute__((section("xdp"), used)) int pass(void *ctx) {
    return ctx ? 2 : 1;
  }
  volatile int zero;
  char _license[] __attribute__((section("license"))) = "GPL";`);
const CODE = encode([mov64Imm(R0, 2), exit()]);
const disasm = (input: string | Uint8Array, line = "", world: World = {}) =>
  run(`disasm in ${line}`, { ...world, inputs: { in: input, "-": input } });

describe("disasm of an object", () => {
  it("prints what asm takes back", async () => {
    const { status, out } = await disasm(OBJECT);
    expect(status).toBe(0);
    const { files } = await run("asm -o again.o", { inputs: { "-": out } });
    expect(meaning(readElf(files.get("again.o") as Uint8Array))).toEqual(meaning(readElf(OBJECT)));
  });

  it("reads standard input", async () => {
    expect((await run("disasm", { inputs: { "-": OBJECT } })).out).toBe((await disasm(OBJECT)).out);
  });

  it("prints code with the lines of its source, and slots, in either dialect", async () => {
    const { out } = await disasm(OBJECT, "--section xdp --source --slots --dialect kernel");
    expect(out).toMatch(/^pass:$/m);
    expect(out).toMatch(/ {4}\/\/ \S+:3: return ctx \? 2 : 1;\n +\d+: {2}\([0-9a-f]{2}\) /);
    expect(out).not.toContain("license");
  });

  it("prints types and records in words, and data as data", async () => {
    expect((await disasm(OBJECT, "--section .BTF")).out).toMatch(/^\[1\] PTR /);
    expect((await disasm(OBJECT, "--section .BTF --btf c")).out).not.toMatch(/^\[1\]/);
    expect((await disasm(OBJECT, "--section .BTF.ext")).out).toContain("return ctx ? 2 : 1;");
    expect((await disasm(OBJECT, "--section license")).out).toContain('.asciz "GPL"');
    expect((await disasm(OBJECT, "--section .bss")).out).toContain(".zero 4");
  });

  it("gives each instruction its place, bytes and fields as JSON", async () => {
    const { out } = await disasm(OBJECT, "--section xdp --json --source");
    const { name, instructions } = JSON.parse(out) as { name: string; instructions: Record<string, unknown>[] };
    const code = readElf(OBJECT).sections.find((section) => section.name === "xdp")!.data;
    expect(name).toBe("xdp");
    expect(instructions.map((i) => i["bytes"]).join("")).toBe(Buffer.from(code).toString("hex"));
    expect(instructions[0]).toMatchObject({ slot: 0, label: "pass", opcode: code[0], source: { line: 2 } });
    expect(instructions.map(({ opcode, dst, src, off, imm }) => ({ opcode, dst, src, off, imm }))).toEqual(
      decode(code),
    );
  });

  it("says what each call and address refers to", async () => {
    const object = writeElf(parseObject('.section xdp,"ax"\nr1 = counts ll\ncall f\nexit\n.text\nf: exit\n'));
    const { sections } = JSON.parse((await disasm(object, "--json")).out) as {
      sections: { instructions: { relocation?: unknown }[] }[];
    };
    expect(sections[0]!.instructions.map(({ relocation }) => relocation)).toEqual([
      { type: "R_BPF_64_64", symbol: "counts" },
      { type: "R_BPF_64_32", symbol: ".text" },
      undefined,
    ]);
  });
});

describe("disasm of an object as JSON", () => {
  it("has what is no instruction as bytes, as the text has", async () => {
    // LLVM's call through a register stands between two instructions.
    const object = writeElf(parseObject('.section xdp,"ax"\nr0 = 2\n.quad 0x28d\nexit\n.byte 1\n'));
    expect((await disasm(object)).out).toContain("\n    .quad 0x28d\n    exit\n    .byte 0x01\n");
    expect(JSON.parse((await disasm(object, "--json --section xdp")).out)).toMatchObject({
      instructions: [
        { slot: 0, text: "r0 = 2" },
        { slot: 1, bytes: "8d02000000000000" },
        { slot: 2, text: "exit" },
        { slot: 3, bytes: "01" },
      ],
    });
  });

  it("has the values of types and records", async () => {
    const types = JSON.parse((await disasm(OBJECT, "--section .BTF --json")).out) as { types: { kind: string }[] };
    expect(types.types[0]).toMatchObject({ kind: "ptr" });
    expect(types).not.toHaveProperty("bytes");
    const records = JSON.parse((await disasm(OBJECT, "--section .BTF.ext --json")).out) as object;
    expect(records).toHaveProperty(["lineInfo", "xdp", 0, "offset"], 0);
  });
});

describe("disasm of bytes", () => {
  const TEXT = "    r0 = 2\n    exit\n";

  it.each([
    ["bytes", CODE],
    ["digits", "b700000002000000 9500000000000000\n"],
    ["digits of another tool", "0xb7, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00\n95 00 00 00 00 00 00 00"],
  ])("%s", async (_, input) => {
    expect(await disasm(input)).toMatchObject({ status: 0, out: TEXT });
  });

  it.each([
    [
      "xxd",
      "00000000: b700 0000 0200 0000 b701 0000 7c7c 6162  ............||ab\n00000010: 9500 0000 0000 0000  ........\n",
    ],
    [
      "hexdump -C",
      "00000000  b7 00 00 00 02 00 00 00  b7 01 00 00 7c 7c 61 62  |............||ab|\n00000010  95 00 00 00 00 00 00 00                           |........|\n00000018\n",
    ],
    [
      "od -Ax -tx1z",
      "000000 b7 00 00 00 02 00 00 00 b7 01 00 00 7c 7c 61 62  >............||ab<\n000010 95 00 00 00 00 00 00 00  >........<\n000018\n",
    ],
  ])("what %s prints", async (_, input) => {
    expect(await disasm(input)).toMatchObject({ status: 0, out: "    r0 = 2\n    r1 = 1650556028\n    exit\n" });
  });

  it("takes no digits for addresses, and no address for digits", async () => {
    // A line is missing, as where hexdump writes an asterisk.
    expect(
      (await disasm("00000000: 9500 0000 0000 0000  ........\n00000010: 9500 0000 0000 0000  ........\n")).status,
    ).toBe(2);
    expect((await disasm("0000000000000000")).err).toContain("opcode");
  });

  it("labels what is jumped to, where all of it is there", async () => {
    expect((await disasm("0500000000000000 9500000000000000")).out).toBe("    goto L1\nL1:\n    exit\n");
    expect((await disasm("0500050000000000 9500000000000000")).out).toBe("    goto +5\n    exit\n");
  });

  it("takes the dialect, slots and JSON", async () => {
    expect((await disasm(CODE, "--dialect kernel --slots")).out).toBe("0: (b7) r0 = 2\n1: (95) exit\n");
    expect(JSON.parse((await disasm(CODE, "--json")).out)).toMatchObject([
      { slot: 0, bytes: "b700000002000000", text: "r0 = 2" },
      { slot: 1, text: "exit" },
    ]);
  });
});

describe("disasm of a live program", () => {
  const readLiveProgram = async (id: number) => ({
    id,
    name: "pass",
    type: "xdp",
    tag: "614b434cd8324ecc",
    instructions: [
      { ...mov64Imm(R0, 2), label: "pass" },
      { ...exit(), opcode: 0xff },
    ],
    lines: [
      { slot: 0, file: "a.c", line: 3, column: 5, text: "\treturn 2;" },
      { slot: 1, file: "a.c", line: 0, column: 0, text: "" },
    ],
  });
  const live = (line: string) => run(`disasm --id 7 ${line}`, { library: { readLiveProgram } });

  it("is in the kernel's words unless told otherwise", async () => {
    const { out } = await live("");
    expect(out.split("\n").slice(0, 3)).toEqual([
      "// program 7: xdp pass, tag 614b434cd8324ecc; for reading: maps by id, not fd, and calls by address",
      "pass:",
      "    (b7) r0 = 2",
    ]);
    expect((await live("--dialect llvm")).out).toContain("\n    r0 = 2\n");
  });

  it("has the lines of its source where there are any", async () => {
    const { out } = await live("--source --slots --dialect llvm");
    expect(out).toContain("pass:\n    // a.c:3: return 2;\n       0:  r0 = 2\n       1:  ");
  });

  it("is JSON with a place for each instruction, also for what is no instruction", async () => {
    expect(JSON.parse((await live("--json --source")).out)).toMatchObject({
      id: 7,
      tag: "614b434cd8324ecc",
      instructions: [
        { slot: 0, label: "pass", opcode: 183, imm: 2, source: { line: 3 } },
        { slot: 1, opcode: 255 },
      ],
    });
    // Names stand where the kernel has addresses: bytes of such fields would not be the program's.
    expect((await live("--json")).out).not.toContain('"bytes"');
  });
});

describe("disasm refuses", () => {
  it.each([
    ["nothing", "", "", /in is empty/],
    ["text", "r0 = 2\n", "", /`xdpgen asm` assembles text/],
    ["half a slot", CODE.subarray(0, 12), "", /12 bytes are not whole slots/],
    ["junk", Uint8Array.of(0xff, 1, 2, 3, 4, 5, 6, 7), "", /in is no object, and as instructions it is wrong.*byte 0/],
    [
      "an object of another machine",
      writeElf({ sections: [], symbols: [] }).map((byte, at) => (at === 18 ? 62 : byte)),
      "",
      /in: .*machine.*62/,
    ],
    ["a section of bytes", CODE, "--section xdp", /has no section xdp/],
    ["a section that is not there", OBJECT, "--section lisence", /did you mean license\?/],
    ["source lines that are not there", writeElf(parseObject("exit\n")), "--source", /compile with -g/],
    ["source lines of bytes", CODE, "--source", /know no source lines/],
    ["a style for types of bytes", CODE, "--btf c", /give --section \.BTF/],
    ["a style for types of a whole object", OBJECT, "--btf raw", /give --section \.BTF/],
    ["two things at once", CODE, "--id 5", /--id 5 and the file in/],
    ["a name for an id", CODE, "--id five", /a program's id/],
  ])("%s", async (_, input, line, words) => {
    const { status, out, err } = await disasm(input, line);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(words);
  });

  it("a style for types as JSON", async () => {
    const { status, err } = await disasm(OBJECT, "--section .BTF --btf c --json");
    expect(status).toBe(2);
    expect(err).toContain("--json is neither");
  });

  it("a style for types of a live program", async () => {
    expect((await run("disasm --id 5 --btf c")).err).toContain("give --section .BTF");
  });

  it("a section of a live program", async () => {
    expect((await run("disasm --id 5 --section xdp")).err).toContain("leave out --section");
  });
});
