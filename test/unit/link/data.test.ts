/** Data sections of linked programs: several of a kind, sections of one's own, and what no loader would fill in. */
import { describe, expect, it } from "vitest";
import { decodeBtf } from "../../../src/codegen/btf/index.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { synthesise } from "../../../src/codegen/index.ts";
import { chainOf } from "../../support/chains.ts";
import { compile, joined } from "../../support/objects.ts";

const program = (source: string, main: string) => ({
  name: "p",
  object: "p.bpf.o",
  function: main,
  bytes: compile(`#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${source}`),
});

const ADDRESSES = `
  static const char *const names[] = { "a", "bc" };
  int target = 5;
  static int *volatile where = &target;
  volatile int other = 3;
  SEC("xdp") int reads_table(struct xdp_md *ctx) { return names[ctx->rx_queue_index & 1][0]; }
  SEC("xdp") int reads_pointer(struct xdp_md *ctx) { return *where; }
  SEC("xdp") int reads_number(struct xdp_md *ctx) { return other; }
`;

describe("data with addresses", () => {
  it.each([
    [
      "reads_table",
      /reads variable names of section \.rodata, which holds the address of something in section \.rodata\.str/,
    ],
    ["reads_pointer", /reads variable where of section \.data, which holds the address of target/],
  ])("is refused where the code reads it: %s", (main, message) => {
    expect(() => synthesise(chainOf([program(ADDRESSES, main)], { linkage: "call" }))).toThrow(message);
  });

  it("does no harm beside a variable that the code reads", () => {
    const { slots } = synthesise(chainOf([program(ADDRESSES, "reads_number")], { linkage: "call" }));
    expect(slots[0]!.maps.get(".data")).toBe(".data.p");
  });
});

describe("data sections", () => {
  it("keep what is behind their kind, each a map of the program's own", () => {
    const sections = [".data.hot", ".rodata.table", ".bss.cold", ".rodata", ".data", ".bss"];
    const variables = `
      volatile int a SEC(".data.hot") = 1;
      const volatile int b SEC(".rodata.table") = 2;
      volatile int c SEC(".bss.cold");
      const volatile int d = 4;
      volatile int e = 5;
      volatile int f;
      SEC("xdp") int sum(struct xdp_md *ctx) { return a + b + c + d + e + f; }`;
    const { slots, elf } = synthesise(chainOf([program(variables, "sum")], { linkage: "call" }));
    const linked = sections.map((section) => slots[0]!.maps.get(section));
    expect(linked).toEqual([
      ".data.p.hot",
      ".rodata.p.table",
      ".data.p.bss.cold",
      ".rodata.p",
      ".data.p",
      ".data.p.bss",
    ]);
    expect(readElf(elf).sections.map(({ name }) => name)).toEqual(expect.arrayContaining(linked));
  });

  it("keep static variables of one name apart, where the objects of several files were joined", () => {
    const file = (more: string): Uint8Array =>
      program(`static volatile int n = 1; static volatile int z; ${more}`, "").bytes;
    const bytes = joined(
      file(`int other(void); SEC("xdp") int f(struct xdp_md *ctx) { n++; z++; return other() + n; }`),
      file(`__attribute__((noinline)) int other(void) { n += 2; z += 2; return n; }`),
    );
    const { elf } = synthesise(chainOf([{ name: "p", object: "p.bpf.o", bytes }], { linkage: "call" }));
    const { types } = decodeBtf(readElf(elf).sections.find(({ name }) => name === ".BTF")!.data);
    for (const name of [".data.p", ".data.p.bss"]) {
      const section = types.find((t) => t.kind === "datasec" && t.name === name);
      expect(section).toMatchObject({ vars: [{ offset: 0 }, { offset: 4 }] });
    }
  });

  it("must be of a kind that loaders make maps of", () => {
    const odd = `volatile int a SEC("mine") = 1; SEC("xdp") int f(struct xdp_md *ctx) { return a; }`;
    expect(() => synthesise(chainOf([program(odd, "f")], { linkage: "call" }))).toThrow(
      /p: p\.bpf\.o refers to section mine, which linkage `call` does not link/,
    );
  });
});
