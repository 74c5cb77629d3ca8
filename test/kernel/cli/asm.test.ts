/** Text that `xdpgen asm` assembled runs in the kernel: loaded by bpftool, which knows nothing of xdpgen, and shown again. */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { openKernel } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { json, run } from "./command.ts";
import { BPFFS, type Folder, folder } from "./world.ts";

const PIN = `${BPFFS}/xdpgen-asm-test`;
let here: Folder;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(() => void (here = folder()));
afterEach(() => {
  rmSync(PIN, { force: true });
  here[Symbol.dispose]();
});

const bpftool = (...words: readonly string[]): unknown =>
  JSON.parse(execFileSync("bpftool", ["-j", ...words], { encoding: "utf8", stdio: "pipe" }) || "null");

/** Assembles, loads with bpftool, and runs it once over a packet of so many bytes. */
async function verdict(text: string, ...options: readonly string[]): Promise<number> {
  const source = here.write("prog.s", text);
  const object = `${here.path}/prog.bpf.o`;
  expect(await run(["asm", source, "-o", object, ...options])).toMatchObject({ status: 0, err: "" });
  execFileSync("bpftool", ["prog", "load", object, PIN], { stdio: "pipe" });
  const packet = here.write("packet", new Uint8Array(64));
  return (bpftool("prog", "run", "pinned", PIN, "data_in", packet) as { retval: number }).retval;
}

it("a line of text is a program", async () => {
  expect(await verdict("r0 = 2; exit\n")).toBe(2);
  expect(bpftool("prog", "show", "pinned", PIN)).toMatchObject({
    type: "xdp",
    name: "xdp_prog",
    gpl_compatible: false,
  });
});

it("a program calls its functions, and has the name and license that it is given", async () => {
  const text = "r1 = 1\ncall twice\nexit\ntwice: r0 = r1\nr0 += r0\nexit\n";
  expect(await verdict(text, "--function", "doubled", "--license", "GPL")).toBe(2);
  expect(bpftool("prog", "show", "pinned", PIN)).toMatchObject({ name: "doubled", gpl_compatible: true });
});

it("the program of docs/assembly.md passes packets of an even length", async () => {
  const page = readFileSync(new URL("../../../docs/assembly.md", import.meta.url), "utf8");
  expect(await verdict(/```asm\n([^]*?)```/.exec(page)![1]!)).toBe(2);
});

it("data, its addresses, and functions of other sections are where the text says", async () => {
  const text = `
    .section .rodata,"a",@progbits
    .p2align 3
answers: .long 1, 2, 3
    .text
    .type third,@function
third:
    r1 = answers + 8 ll
    w0 = *(u32 *)(r1 + 0)
    exit
    .size third, . - third
    .section xdp,"ax",@progbits
    .globl main
    .type main,@function
main:
    r6 = r1
    call third
    if r6 != 0 goto 1f
    r0 = 0
1:  exit
    .size main, . - main
`;
  expect(await verdict(text)).toBe(3);
});

it("what disasm prints of a loaded program, asm assembles to a program that does the same", async () => {
  expect(await verdict("r0 = 5\nif r1 == 0 goto end\nr0 = 4\nend: exit\n")).toBe(4);
  const { id } = bpftool("prog", "show", "pinned", PIN) as { id: number };
  const { status, out } = await run(["disasm", "--id", String(id)]);
  expect(status).toBe(0);
  expect(out).toContain("(b7) r0 = 4");
  rmSync(PIN);
  expect(await verdict(out)).toBe(4);
});

it("a whole object of clang survives text, and loads", async () => {
  const object = here.object("denylist");
  const { out } = await run(["disasm", `${here.path}/${object}`]);
  const text = here.write("again.s", out);
  const again = `${here.path}/again.bpf.o`;
  expect((await run(["asm", text, "-o", again])).status).toBe(0);
  execFileSync("bpftool", ["prog", "load", again, PIN], { stdio: "pipe" });
  const { id } = bpftool("prog", "show", "pinned", PIN) as { id: number };
  const live = json(await run(["disasm", "--id", String(id), "--source", "--json"])) as {
    name: string;
    instructions: { source?: { text: string } }[];
  };
  expect(live.name).toBe("xdp_denylist");
  expect(live.instructions.some(({ source }) => source?.text.includes("int xdp_denylist("))).toBe(true);
});
