/** Programs read back from a kernel of plain objects: what is named and how, and what is said where nothing can be read. */
import { describe, expect, it } from "vitest";
import * as asm from "../../../src/codegen/asm/index.ts";
import { R0, R1, R2 } from "../../../src/codegen/asm/index.ts";
import { encodeBtf, type Btf } from "../../../src/codegen/btf/index.ts";
import { XdpgenError } from "../../../src/errors.ts";
import { KernelError, type ProgramCode } from "../../../src/loader/machine/kernel.ts";
import { calledFunctions } from "../../../src/loader/report/kallsyms.ts";
import { readLiveProgram } from "../../../src/loader/report/live-program.ts";
import { FakeKernel, failure } from "./fake-kernel.ts";

const BTF: Btf = {
  types: [
    { kind: "int", name: "int", size: 4, bits: 32, bitOffset: 0, encoding: 1 },
    { kind: "func_proto", type: 1, params: [] },
    { kind: "func", name: "entry", type: 2, linkage: "global" },
    { kind: "func", name: "helper", type: 2, linkage: "static" },
    { kind: "func", name: "helper", type: 2, linkage: "static" },
  ],
};

/** A call of the function with this number, as jit_subprogs leaves it. */
const jited = (distance: number, number: number): asm.Instruction => ({
  ...asm.callLocal(number),
  off: (distance << 16) >> 16,
});

function code(instructions: readonly asm.Instruction[], rest: Partial<ProgramCode> = {}): ProgramCode {
  // As a kernel's code is, this need not be what `encode` takes.
  const bytes = new Uint8Array(asm.slotOffsets(instructions).at(-1)! * 8);
  const view = new DataView(bytes.buffer);
  const offsets = asm.slotOffsets(instructions);
  for (const [index, i] of instructions.entries()) {
    const at = offsets[index]! * 8;
    view.setUint8(at, i.opcode);
    view.setUint8(at + 1, (i.src << 4) | i.dst);
    view.setInt16(at + 2, i.off, true);
    view.setInt32(at + 4, i.imm, true);
    if (i.immHigh !== undefined) view.setInt32(at + 12, i.immHigh, true);
  }
  return { instructions: bytes, btfId: 0, functions: [], lines: [], ...rest };
}

/** Reads a program back and looks that no fd was left open. */
function read(kernel: FakeKernel, id: number) {
  const before = kernel.openFds;
  try {
    return readLiveProgram(id, kernel);
  } finally {
    expect(kernel.openFds).toBe(before);
  }
}

function mistake(act: () => unknown): XdpgenError {
  try {
    act();
  } catch (error) {
    if (error instanceof XdpgenError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const labels = (instructions: readonly asm.Instruction[]) =>
  instructions.flatMap(({ label }, index) => (label === undefined ? [] : [[index, label]]));

describe("a live program", () => {
  it("has the names of its functions, turned-back calls, and maps by name", () => {
    const kernel = new FakeKernel();
    const map = kernel.foreignMap("counts");
    const data = kernel.foreignMap("edge.rodata");
    const btfId = kernel.foreignBtf(encodeBtf({ btf: BTF }).btf);
    const id = kernel.foreignCode(
      "entry",
      code(
        [
          asm.ldMapFd(R1, map),
          asm.ldMapValue(R2, data, 12),
          jited(3, 1),
          { ...asm.ldFunction(R2, 4), immHigh: 2 },
          asm.exit(),
          asm.mov64Imm(R0, 1),
          asm.exit(),
          asm.mov64Imm(R0, 2),
          asm.exit(),
        ],
        {
          btfId,
          functions: [
            { slot: 0, type: 3 },
            { slot: 8, type: 4 },
            { slot: 10, type: 5 },
          ],
        },
      ),
    );
    const { instructions, name, type, tag } = read(kernel, id);
    expect({ name, type, tag }).toEqual({ name: "entry", type: "xdp", tag: "0123456789abcdef" });
    expect(labels(instructions)).toEqual([
      [0, "entry"],
      [5, "helper"],
      [7, "helper.10"],
    ]);
    expect(instructions.map(({ comment }) => comment).slice(0, 4)).toEqual([
      `map counts, id ${map}`,
      `byte 12 of map edge.rodata, id ${data}`,
      "helper",
      "helper.10",
    ]);
    expect(instructions[2]).toMatchObject(asm.callLocal(3));
    expect(instructions[3]).toMatchObject(asm.ldFunction(R2, 4));
    // Local calls mean what they say again: the labels are where they lead.
    expect(() => asm.encode(instructions)).not.toThrow();
  });

  it("tells a callee that is farther than a call's 16 bits by its number", () => {
    const kernel = new FakeKernel();
    const far = 0x1_0004;
    const filler = Array.from({ length: far }, () => asm.mov64Imm(R0, 0));
    const btfId = kernel.foreignBtf(encodeBtf({ btf: BTF }).btf);
    const functions = [
      { slot: 0, type: 3 },
      { slot: far + 1, type: 4 },
    ];
    const id = kernel.foreignCode("far", code([jited(far, 1), ...filler, asm.exit()], { btfId, functions }));
    expect(read(kernel, id).instructions[0]).toMatchObject({ off: 0, imm: far, comment: "helper" });
  });

  it("has labels without BTF too: its own name, and where its calls lead", () => {
    const kernel = new FakeKernel();
    // As the interpreter has it: the number is an address.
    const id = kernel.foreignCode("bare", code([jited(1, -123456), asm.exit(), asm.mov64Imm(R0, 1), asm.exit()]));
    const { instructions, lines } = read(kernel, id);
    expect(labels(instructions)).toEqual([
      [0, "bare"],
      [2, "func.2"],
    ]);
    expect(instructions[0]).toMatchObject({ ...asm.callLocal(1), comment: "func.2" });
    expect(lines).toEqual([]);
  });

  it("keeps what the instruction set does not know", () => {
    const kernel = new FakeKernel();
    const percpu = { ...asm.mov64Reg(R0, R0), off: -1 };
    const { instructions } = read(kernel, kernel.foreignCode("odd", code([percpu, asm.exit()])));
    expect(instructions[0]).toMatchObject(percpu);
  });

  it.each([12345, 0, -1, 1.5, Number.NaN, 2 ** 40])(
    "with id %s is not there, and the message says how to list them",
    (id) => {
      const error = mistake(() => read(new FakeKernel(), id));
      expect(error.code).toBe("usage");
      expect(error.message).toBe(`no loaded program has id ${id}: \`bpftool prog show\` lists those that are`);
    },
  );

  it("whose code is withheld is an answer about the machine, with what is missing", () => {
    const kernel = new FakeKernel();
    const id = kernel.foreignCode("secret", { instructions: undefined, btfId: 0, functions: [], lines: [] });
    const error = mistake(() => read(kernel, id));
    expect(error.code).toBe("environment");
    expect(error.message).toMatch(/^cannot read the code of program \d+ \(secret\):.*CAP_BPF.*kptr_restrict/);
  });

  it("cannot be opened without privilege", () => {
    const kernel = new FakeKernel();
    kernel.programById = () => {
      throw failure("bpf_prog_get_fd_by_id", "EPERM");
    };
    const error = mistake(() => read(kernel, 7));
    expect(error.code).toBe("environment");
    expect(error.message).toContain("CAP_SYS_ADMIN");
    expect(error.cause).toBeInstanceOf(KernelError);
  });
});

describe("names of kernel functions", () => {
  const KALLSYMS = `ffffffff81000000 T _text
ffffffff814ca4d0 T __bpf_call_base
ffffffff814ca500 T bpf_ktime_get_ns
ffffffff814ca500 t alias_of_it
ffffffffc0000010 t nf_ct_lookup\t[nf_conntrack]
`;
  it("are found by their distance from __bpf_call_base, before it and behind, first in the file or last", () => {
    const names = calledFunctions([0x30, -0x4ca4d0, 0x3eb35b40, 0x31, 0], () => KALLSYMS);
    expect([...names]).toEqual([
      [0x30, "bpf_ktime_get_ns"],
      [-0x4ca4d0, "_text"],
      [0x3eb35b40, "nf_ct_lookup"],
      [0, "__bpf_call_base"],
    ]);
  });

  it("are none where addresses are hidden, or the list is", () => {
    expect(calledFunctions([0x30], () => KALLSYMS.replaceAll(/^\w+/gm, "0000000000000000")).size).toBe(0);
    expect(calledFunctions([0x30], () => "").size).toBe(0);
  });

  it("do not cost a look into the list where nothing is called", () => {
    const fail = (): string => {
      throw new Error("the list was read");
    };
    expect(calledFunctions([], fail).size).toBe(0);
  });
});
