import { describe, expect, it } from "vitest";
import { encode } from "../../../src/codegen/asm/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { cornerInstructions } from "../../support/instructions.ts";
import { meaning } from "../source/same.ts";
import { run, type World } from "./fake.ts";

const PASS = "r0 = 2\nexit\n";
const TWO = '.section a,"ax"\nexit\n.section b,"ax"\nr0 = 1\nexit\n';
const asm = (text: string | Uint8Array, line = "", world: World = {}) =>
  run(`asm a.s ${line}`, { ...world, inputs: { "a.s": text, "-": text } });
const bytes = (data: string | Uint8Array | undefined): string => Buffer.from(data as Uint8Array).toString("hex");

describe("asm", () => {
  it("writes an object, from a file or from standard input", async () => {
    for (const line of ["asm a.s -o p.bpf.o", "asm - -o p.bpf.o", "asm -o p.bpf.o"]) {
      const { status, out, files } = await run(line, { inputs: { "a.s": PASS, "-": PASS } });
      const object = files.get("p.bpf.o") as Uint8Array;
      expect({ status, out }).toEqual({ status: 0, out: `p.bpf.o: ${object.length} bytes\n` });
      expect(meaning(readElf(object)).symbols).toEqual(["xdp_prog func global default 0+16 in xdp"]);
    }
  });

  it("names the program and its license", async () => {
    const { files } = await asm(PASS, "-o p.o --function pass --license GPL");
    const { sections, symbols } = meaning(readElf(files.get("p.o") as Uint8Array));
    expect(symbols).toEqual(["pass func global default 0+16 in xdp"]);
    expect(sections["license"]).toMatchObject({ data: Buffer.from("GPL\0").toString("hex") });
  });

  it("writes to a pipe and not to a terminal", async () => {
    expect((await asm(PASS)).out.slice(0, 4)).toBe("\u007FELF");
    for (const line of ["", "-o -", "--format bytes"]) {
      const { status, out, err } = await asm(PASS, line, { terminal: true });
      expect({ status, out }).toEqual({ status: 2, out: "" });
      expect(err).toContain("--output");
    }
  });

  it("writes the instructions alone", async () => {
    const { files } = await asm("call f\nexit\nf: exit\n", "--format bytes -o p.bin");
    expect(bytes(files.get("p.bin"))).toBe("8510000001000000" + "9500000000000000".repeat(2));
    expect(bytes((await asm(TWO, "--format bytes -o p.bin --section b")).files.get("p.bin"))).toBe(
      "b7000000010000009500000000000000",
    );
  });

  it("makes the same bytes of what disasm prints of them", async () => {
    const code = encode(cornerInstructions());
    for (const dialect of ["llvm", "kernel"]) {
      const { out } = await run(`disasm --dialect ${dialect}`, { inputs: { "-": code } });
      const { files } = await asm(out, "--format bytes -o p.bin");
      expect(bytes(files.get("p.bin"))).toBe(bytes(code));
    }
  });

  it("writes the address of a function as a distance where there is no object", async () => {
    const code = "18410000020000000000000000000000" + "9500000000000000".repeat(2);
    const bare = "r1 = f ll\nexit\nf: exit\n";
    for (const text of [bare, `.section a,"ax"\n${bare}`])
      expect(bytes((await asm(text, "--format bytes -o p.bin")).files.get("p.bin"))).toBe(code);
    const { sections } = meaning(readElf((await asm(bare, "-o p.o")).files.get("p.o") as Uint8Array));
    expect(sections["xdp"]).toMatchObject({ relocations: [expect.stringMatching(/^0: 1 .*\.text/)] });
  });

  it("writes far jumps only when that is asked for", async () => {
    const far = `goto end\n${"r0 = 0\n".repeat(40_000)}end: exit\n`;
    expect((await asm(far, "-o p.o")).err).toContain("long jumps");
    expect((await asm(far, "-o p.o --long-jumps")).status).toBe(0);
  });

  it("describes what it made as JSON", async () => {
    const { out, files } = await asm("r1 = 1\ncall f\nexit\nf: exit\n", "--json -o p.o");
    expect(JSON.parse(out)).toMatchObject({
      sections: [
        { name: "xdp", size: 24, relocations: [{ offset: 8, type: "R_BPF_64_32", symbol: ".text" }] },
        { name: ".text", size: 8 },
      ],
      functions: [
        { name: "xdp_prog", section: "xdp", offset: 0, slots: 3 },
        { name: "f", section: ".text", offset: 0, slots: 1 },
      ],
      file: { path: "p.o", bytes: (files.get("p.o") as Uint8Array).length },
    });
    expect(JSON.parse((await asm(PASS, "--json")).out)).not.toHaveProperty("file");
  });

  it("warns of a helper that is called by its name alone", async () => {
    const { status, err } = await asm("call bpf_map_lookup_elem\nexit\n", "-o p.o");
    expect({ status, err }).toEqual({
      status: 0,
      err: expect.stringMatching(/^warning: .*write `call 1` or `call bpf_map_lookup_elem#1`\n$/) as string,
    });
    const own = "call bpf_map_lookup_elem\nexit\nbpf_map_lookup_elem: exit\n";
    for (const text of ["call bpf_map_lookup_elem#1\nexit\n", "call outside\nexit\n", own])
      expect((await asm(text, "-o p.o")).err).toBe("");
  });

  it("shows every mistake with its place", async () => {
    const { status, out, err, files } = await asm("r0 = \n.byte 300\ngoto nowhere\n", "-o p.o");
    expect({ status, out, files: files.size }).toEqual({ status: 2, out: "", files: 0 });
    expect([...err.matchAll(/^a\.s:(\d+):\d+: error:/gm)].map(([, line]) => line)).toEqual(["1", "2", "3"]);
    expect((await run("asm -o p.o", { inputs: { "-": ".byte 300\n" } })).err).toContain("<stdin>:1:7: error:");
  });

  it.each([
    ["nothing", "", "-o p.o", /a\.s holds nothing to assemble/],
    ["comments only", "# nothing\n", "-o p.o", /holds nothing/],
    ["an object", "\u007FELF", "-o p.o", /xdpgen disasm/],
    ["bytes", "r0 = 2\0", "-o p.o", /byte 6 is 0/],
    ["a name for what names itself", TWO, "-o p.o --function f", /--function is for a text without directives/],
    ["a license likewise", TWO, "-o p.o --license GPL", /--license is for a text without directives/],
    ["a section without bytes", PASS, "-o p.o --section xdp", /--format bytes/],
    ["bytes of two sections", TWO, "-o p.o --format bytes", /a, b: choose one with --section/],
    ["bytes of no code", ".data\n.byte 1\n", "-o p.o --format bytes", /no section has code/],
    ["bytes of another section", TWO, "-o p.o --format bytes --section xdb", /there is no section xdb/],
    ["bytes that cannot hold a name", "call outside\nexit\n", "-o p.o --format bytes", /refers to outside at byte 0/],
    [
      "bytes that cannot hold an address",
      `r1 = f ll\nexit\n.data\nf: .quad 1\n`,
      "-o p.o --format bytes",
      /refers to f at/,
    ],
    [
      "bytes that cannot hold a call",
      '.section a,"ax"\nexit\ncall g\nexit\n.text\nexit\ng: exit\n',
      "-o p.o --format bytes --section a",
      /refers to g at byte 8/,
    ],
    ["a section of what has none", PASS, "-o p.o --format bytes --section xdp", /is one piece of code/],
    ["bytes of data", `${PASS}.data\n.byte 1\n`, "-o p.o --format bytes --section .data", /section \.data holds data/],
    ["a name for bytes", PASS, "-o p.o --format bytes --function f", /bytes have neither/],
    ["a name of this text alone", PASS, "-o p.o --function .Lx", /no name that a loader could call/],
    ["an empty name", PASS, "-o p.o --function=", /--function "" is no name/],
    ["an empty license", PASS, "-o p.o --license=", /--license is empty/],
    ["another format", PASS, "-o p.o --format objekt", /Did you mean object/],
  ])("refuses %s", async (_, text, line, words) => {
    const { status, err, files } = await asm(text, line);
    expect({ status, files: files.size }).toEqual({ status: 2, files: 0 });
    expect(err).toMatch(words);
  });
});
