/** The border to C: struct layouts against the headers' own offsets, errno names. */
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { errnoName } from "../../../src/loader/ffi/errno.ts";
import { mapName } from "../../../src/loader/ffi/object.ts";
import * as structs from "../../../src/loader/ffi/structs.ts";
import { compile } from "../../support/objects.ts";

/** Offsets and sizes as clang sees them in the installed headers: 64-bit numbers in section `offsets`. */
function offsetsFromHeaders(expressions: readonly string[]): readonly number[] {
  const multiarch = { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch;
  const object = compile(
    `#include <stddef.h>
     #include <stdbool.h>
     #include <stdint.h>
     #include <linux/bpf.h>
     #include <bpf/bpf.h>
     #include <bpf/libbpf.h>
     #define offset(t, m) offsetof(struct t, m)
     unsigned long long values[] __attribute__((section("offsets"), used)) = { ${expressions.join(", ")} };`,
    `-I/usr/include/${multiarch}-linux-gnu`,
    // glibc's headers ask which machine they are for.
    `-D__${multiarch}__`,
    "-Wno-incompatible-library-redeclaration",
  );
  const { data } = readElf(object).sections.find((s) => s.name === "offsets")!;
  return expressions.map((_, i) => Number(Buffer.from(data).readBigUInt64LE(8 * i)));
}

/** Where each byte of a struct that was filled with `fill` is not zero, in words of 4. */
const wordsSet = (bytes: Uint8Array): readonly number[] =>
  [...new Uint32Array(bytes.slice().buffer)].flatMap((word, i) => (word === 0 || i < 2 ? [] : [4 * i]));

describe("structs", () => {
  it("are as large as the headers say", () => {
    const sizes = offsetsFromHeaders([
      "sizeof(struct bpf_prog_info)",
      "sizeof(struct bpf_map_info)",
      "offsetof(struct bpf_prog_info, attach_btf_id) + 4",
    ]);
    // Newer headers may have more; older kernels know less. What we read must lie within.
    expect(structs.SIZEOF_PROG_INFO).toBeGreaterThanOrEqual(sizes[2]!);
    expect(structs.SIZEOF_MAP_INFO).toBeLessThanOrEqual(sizes[1]!);
  });

  it("have each field where the headers have it", () => {
    const names = [
      "offset(bpf_prog_load_opts, expected_attach_type)",
      "offset(bpf_prog_load_opts, prog_btf_fd)",
      "offset(bpf_prog_load_opts, prog_flags)",
      "offset(bpf_prog_load_opts, attach_btf_id)",
      "offset(bpf_prog_load_opts, attach_prog_fd)",
      "offset(bpf_prog_load_opts, fd_array)",
      "offset(bpf_prog_load_opts, func_info)",
      "offset(bpf_prog_load_opts, func_info_cnt)",
      "offset(bpf_prog_load_opts, func_info_rec_size)",
      "offset(bpf_prog_load_opts, log_level)",
      "offset(bpf_prog_load_opts, log_size)",
      "offset(bpf_prog_load_opts, log_buf)",
    ];
    const load = structs.progLoadOpts({
      expectedAttachType: 1,
      btf: 2,
      flags: 3,
      attachBtfId: 4,
      attachProgFd: 5,
      fdArray: 6n,
      funcInfo: 7n,
      funcInfoCount: 8,
      logLevel: 9,
      log: 10n,
      logSize: 11,
    });
    expect(wordsSet(load)).toEqual(offsetsFromHeaders(names));

    const link = structs.linkCreateOpts(1, 2);
    expect(wordsSet(link)).toEqual(
      offsetsFromHeaders(["offset(bpf_link_create_opts, flags)", "offset(bpf_link_create_opts, target_btf_id)"]),
    );
    const update = structs.linkUpdateOpts(1, 2);
    expect(wordsSet(update)).toEqual(
      offsetsFromHeaders(["offset(bpf_link_update_opts, flags)", "offset(bpf_link_update_opts, old_prog_fd)"]),
    );
    expect(wordsSet(structs.xdpAttachOpts(3))).toEqual(
      offsetsFromHeaders(["offset(bpf_xdp_attach_opts, old_prog_fd)"]),
    );
    const run = structs.testRunOpts({
      dataIn: 1n,
      dataInSize: 2,
      dataOut: 3n,
      dataOutSize: 4,
      ctxIn: 5n,
      ctxInSize: 6,
      repeat: 7,
      flags: 8,
      batchSize: 9,
    });
    expect(wordsSet(run)).toEqual(
      offsetsFromHeaders(
        [
          "data_in",
          "data_out",
          "data_size_in",
          "data_size_out",
          "ctx_in",
          "ctx_size_in",
          "repeat",
          "flags",
          "batch_size",
        ].map((field) => `offset(bpf_test_run_opts, ${field})`),
      ),
    );
  });

  it("are read where the headers have each field", () => {
    const info = new Uint8Array(structs.SIZEOF_PROG_INFO);
    const view = new DataView(info.buffer);
    const fields = ["id", "tag", "load_time", "name", "verified_insns", "xlated_prog_len", "jited_prog_len"];
    fields.push("nr_func_info", "nr_jited_ksyms");
    const [id, tag, time, name, verified, xlated, jited, functions, symbols] = offsetsFromHeaders(
      fields.map((field) => `offset(bpf_prog_info, ${field})`),
    );
    view.setUint32(id!, 77, true);
    info.set([0xde, 0xad], tag);
    view.setBigUint64(time!, 123456789012n, true);
    info.set(new TextEncoder().encode("xdpgen_edge"), name);
    view.setUint32(verified!, 42, true);
    view.setUint32(xlated!, 96, true);
    view.setUint32(jited!, 77, true);
    view.setUint32(symbols!, 1, true);
    expect(structs.decodeProgInfo(info, []).functions).toBe(1);
    view.setUint32(functions!, 3, true);
    expect(structs.decodeProgInfo(info, [1])).toEqual({
      type: 0,
      id: 77,
      tag: "dead000000000000",
      loadTime: 123456789012n,
      name: "xdpgen_edge",
      mapIds: [1],
      verifiedInstructions: 42,
      translatedBytes: 96,
      jitedBytes: 77,
      functions: 3,
    });
  });

  it("ask for code and find it where the headers have each field", () => {
    const members = ["xlated_prog_len", "xlated_prog_insns", "func_info_rec_size", "func_info", "nr_func_info"];
    members.push("nr_line_info", "line_info", "line_info_rec_size");
    const offsets = offsetsFromHeaders([
      ...members.map((member) => `offset(bpf_prog_info, ${member})`),
      "offset(bpf_prog_info, btf_id)",
      "sizeof(struct bpf_func_info)",
      "sizeof(struct bpf_line_info)",
      "sizeof(struct bpf_btf_info)",
      "offset(bpf_btf_info, btf_size)",
    ]);
    const [btfId, ...sizes] = offsets.slice(members.length);
    expect(sizes).toEqual([structs.SIZEOF_FUNC_INFO, structs.SIZEOF_LINE_INFO, structs.SIZEOF_BTF_INFO, 8]);
    expect(structs.btfInfoSize(structs.btfInfo(1n, 99))).toBe(99);

    const asked = { xlatedLength: 1, funcInfoCount: 2, lineInfoCount: 3, xlated: 4n, funcInfo: 5n, lineInfo: 6n };
    const info = structs.progInfoWithCode(asked);
    expect(wordsSet(info)).toEqual(offsets.slice(0, members.length));
    expect(structs.progInfoCodeSizes(info)).toEqual({ xlatedLength: 1, funcInfoCount: 2, lineInfoCount: 3 });
    new DataView(info.buffer).setUint32(btfId!, 88, true);
    const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
    const xlated = words(0xb7, 0);
    const funcInfo = words(0, 5, 7, 6);
    const lineInfo = words(3, 10, 20, (0x3f_ffff << 10) | 1000);
    expect(structs.decodeProgCode(info, { xlated, funcInfo, lineInfo })).toEqual({
      instructions: xlated,
      btfId: 88,
      functions: [
        { slot: 0, type: 5 },
        { slot: 7, type: 6 },
      ],
      lines: [{ slot: 3, file: 10, text: 20, line: 0x3f_ffff, column: 1000 }],
    });
  });

  it("ask for the functions alone, in the fields that the headers have for them", () => {
    const members = ["func_info_rec_size", "func_info", "nr_func_info"];
    const offsets = offsetsFromHeaders(members.map((member) => `offset(bpf_prog_info, ${member})`));
    const info = structs.progInfoWithFunctions(256, 5n);
    expect(wordsSet(info)).toEqual(offsets);
    expect(structs.progInfoCodeSizes(info).funcInfoCount).toBe(256);
    expect(structs.decodeFunctions(new Uint8Array(Uint32Array.of(0, 5, 7, 6).buffer))).toEqual([
      { slot: 0, type: 5 },
      { slot: 7, type: 6 },
    ]);
  });

  it("tell code that is withheld: by its length, or by its address", () => {
    const asked = { funcInfoCount: 0, lineInfoCount: 0, funcInfo: 0n, lineInfo: 0n };
    const none = { xlated: new Uint8Array(8), funcInfo: new Uint8Array(), lineInfo: new Uint8Array() };
    for (const [xlatedLength, xlated] of [
      [0, 4n],
      [8, 0n],
    ] as const) {
      const info = structs.progInfoWithCode({ ...asked, xlatedLength, xlated });
      expect(structs.decodeProgCode(info, none).instructions).toBeUndefined();
    }
  });

  it("tell the mode of a program on the hook, one or several", () => {
    const query = structs.xdpQueryOpts();
    const view = new DataView(query.buffer);
    view.setUint32(8, 5, true);
    view.setUint8(24, 2);
    expect(structs.decodeXdpQuery(query)).toEqual({ native: 0, generic: 5, offloaded: 0 });
    view.setUint8(24, 4);
    view.setUint32(12, 6, true);
    view.setUint32(20, 7, true);
    expect(structs.decodeXdpQuery(query)).toEqual({ native: 6, generic: 7, offloaded: 0 });
  });
});

it.each([
  [1, "EPERM"],
  [2, "ENOENT"],
  [11, "EAGAIN"],
  [67, "ENOLINK"],
  [95, "EOPNOTSUPP"],
  [524, "ENOTSUPP"],
  [4001, "LIBBPF_ERRNO__FORMAT"],
  [99999, "errno 99999"],
])("errno %i is %s", (errno, name) => {
  expect(errnoName(errno)).toBe(name);
});

it.each([
  ["denylist", "denylist"],
  ["edge.bss", ".bss"],
  [".rodata.xdpgen", ".rodata.xdpgen"],
])("map %s of libbpf is %s", (name, section) => {
  expect(mapName(name)).toBe(section);
});

it("an interface that is not there is told from a call that failed", () => {
  const ffi = new URL("../../../src/loader/ffi/index.ts", import.meta.url).href;
  const script = `
    import { openSync } from "node:fs";
    import { openKernel } from ${JSON.stringify(ffi)};
    const kernel = openKernel();
    const asks = [() => kernel.interfaceName(1), () => kernel.interfaceIndex("lo")];
    const said = [...asks.map((ask) => ask()), kernel.interfaceName(0x7fffffff) ?? "none", kernel.interfaceIndex("no-such-one")];
    try { for (;;) openSync("/dev/null"); } catch {}
    for (const ask of asks) try { said.push(ask() ?? "none"); } catch (error) { said.push(error.message); }
    console.log(JSON.stringify(said));`;
  const node = [process.execPath, "--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync("sh", ["-c", 'ulimit -n 256; exec "$@"', "sh", ...node], { encoding: "utf8" });
  expect(stderr).toBe("");
  const [name, index, noName, noIndex, ...failures] = JSON.parse(stdout) as readonly unknown[];
  expect([name, index, noName, noIndex]).toEqual(["lo", 1, "none", 0]);
  // glibc says ENOENT where it finds no way to open a socket (sysdeps/unix/sysv/linux/opensock.c).
  expect(failures).toEqual(
    [/^if_indextoname: E(NOENT|MFILE)$/, /^if_nametoindex: E(NOENT|MFILE)$/].map(
      (said) => expect.stringMatching(said) as unknown,
    ),
  );
});
