/** What programs want of the kernel: in the linked object it looks as clang would have made it. */
import { describe, expect, it } from "vitest";
import { type BtfType, decodeBtf } from "../../../src/codegen/btf/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf, testProgram } from "../../support/chains.ts";
import { compile } from "../../support/objects.ts";

interface Source {
  readonly name: string;
  readonly object: string;
  readonly bytes: Uint8Array;
}

const program = (name: string, source: string): Source => ({
  name,
  object: `${name}.bpf.o`,
  bytes: compile(`#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${source}
    char _license[] SEC("license") = "GPL";`),
});

/** Adds up what an expression gives and the length of the packet. */
const using = (name: string, declaration: string, expression: string): Source =>
  program(name, `${declaration} SEC("xdp") int xdp_${name}(struct xdp_md *ctx) { return ${expression}; }`);

function link(...programs: readonly Source[]) {
  const elf = readElf(synthesise(chainOf(programs, { linkage: "call" })).elf);
  const { types } = decodeBtf(elf.sections.find(({ name }) => name === ".BTF")!.data);
  const listed = (section: string): readonly BtfType[] => {
    const found = types.find((t) => t.kind === "datasec" && t.name === section);
    return found?.kind === "datasec" ? found.vars.map(({ type }) => types[type - 1]!) : [];
  };
  const wanted = elf.symbols.filter(({ section }) => section === "undefined");
  return { elf, types, listed, wanted: wanted.map(({ name, binding, type }) => `${binding} ${type} ${name}`) };
}

const VERSION = "extern int LINUX_KERNEL_VERSION __kconfig;";
const LOCK = "extern void bpf_rcu_read_lock(void) __ksym";

describe("externs", () => {
  it("are undefined symbols, and sections of BTF list them", () => {
    const programs = ["externs", "kconfig"].map((name) => ({
      ...testProgram(name),
      object: `${name}.bpf.o`,
      bytes: testProgram(name).bytes!,
    }));
    const { wanted, listed, types } = link(...programs);
    expect(wanted.toSorted()).toEqual([
      "global notype LINUX_KERNEL_VERSION",
      "global notype bpf_prog_put",
      ...["CONFIG_HZ", "CONFIG_IPV6", "CONFIG_XDPGEN_IS_NO_PART_OF_IT", "bpf_rcu_read_lock", "bpf_rcu_read_unlock"].map(
        (name) => `weak notype ${name}`,
      ),
      ...["function", "variable"].map((what) => `weak notype xdpgen_has_no_${what}`),
      "weak notype xdpgen_is_no_part_of_it",
    ]);
    expect(listed(".kconfig")).toHaveLength(4);
    expect(listed(".ksyms")).toHaveLength(6);
    const all = types.filter((t) => (t.kind === "var" || t.kind === "func") && t.linkage === "extern");
    expect(all).toHaveLength(10);
  });

  it("are one where two programs have them, and there if one says so", () => {
    const { wanted, listed, types } = link(
      using("a", VERSION + LOCK + " __weak;", "bpf_rcu_read_lock ? LINUX_KERNEL_VERSION : 1"),
      using("b", VERSION + LOCK + ";", "(bpf_rcu_read_lock(), LINUX_KERNEL_VERSION)"),
    );
    expect(wanted.toSorted()).toEqual(["global notype LINUX_KERNEL_VERSION", "global notype bpf_rcu_read_lock"]);
    expect([...listed(".kconfig"), ...listed(".ksyms")]).toHaveLength(2);
    // The kernel takes no declaration that no section lists.
    expect(types.filter((t) => (t.kind === "var" || t.kind === "func") && t.linkage === "extern")).toHaveLength(2);
  });

  it("keep their names, and what has one of them by chance gets another", () => {
    const { elf } = link(
      program(
        "a",
        `__attribute__((noinline)) int bpf_rcu_read_lock(int x) { return x + 1; }
        SEC("xdp") int xdp_a(struct xdp_md *ctx) { return bpf_rcu_read_lock(ctx->rx_queue_index); }`,
      ),
      using("b", LOCK + ";", "(bpf_rcu_read_lock(), 2)"),
    );
    const symbols = elf.symbols.filter(({ name }) => name.endsWith("bpf_rcu_read_lock"));
    expect(symbols.map(({ name, section }) => [name, section === "undefined"])).toEqual([
      ["a_bpf_rcu_read_lock", false],
      ["bpf_rcu_read_lock", true],
    ]);
  });

  it("must be declared alike where code reads them by their type", () => {
    const a = using("a", VERSION, "LINUX_KERNEL_VERSION");
    const b = using("b", VERSION.replace("int", "unsigned long"), "LINUX_KERNEL_VERSION");
    expect(() => link(a, b)).toThrow(
      /b: LINUX_KERNEL_VERSION of the kernel is declared differently in a; give the two one declaration; or use `linkage: freplace` .* as `pinned`$/,
    );
  });

  it.each([
    [
      "what no object defines",
      "extern int elsewhere(int);",
      "elsewhere(1)",
      /x\.bpf\.o uses elsewhere, which it does not/,
    ],
    [
      "what leaves the chain",
      "extern void bpf_throw(__u64) __ksym;",
      "(bpf_throw(1), 2)",
      /calls bpf_throw, which would/,
    ],
  ])("refuses %s", (_, declaration, expression, message) => {
    expect(() => link(using("x", declaration, expression))).toThrow(message);
  });
});
