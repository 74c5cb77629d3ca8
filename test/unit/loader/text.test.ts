/** What users read: verifier logs, the doctor's findings, names of pins. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { listPrograms, mapPin, pinName } from "../../../src/loader/live/store.ts";
import {
  discardLog,
  lastLines,
  libbpfReason,
  refusedInstruction,
  saveLog,
  verifierLog,
} from "../../../src/loader/load/verifier-log.ts";
import { capabilities, doctor, freplaceFinding, jit, kernelRelease } from "../../../src/loader/report/doctor.ts";
import { FakeKernel, failure } from "./fake-kernel.ts";

const REFUSED = failure("bpf_object__load", "EACCES");

const PRINTED = `libbpf: prog 'bad': BPF program load failed: Permission denied
libbpf: prog 'bad': -- BEGIN PROG LOAD LOG --
0: R1=ctx(off=0,imm=0) R10=fp0
; return *(int *)0;
0: (61) r0 = *(u32 *)(r1 +400)
invalid bpf_context access off=400 size=4
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
libbpf: prog 'bad': failed to load: -13
libbpf: failed to load object 'bad'
`;

afterEach(() => void vi.unstubAllEnvs());

describe("verifier log", () => {
  it("is cut out of what libbpf printed, and ends with the reason", () => {
    const log = verifierLog(PRINTED)!;
    expect(log.startsWith("0: R1=ctx")).toBe(true);
    expect(lastLines(log).at(-1)).toBe("invalid bpf_context access off=400 size=4");
    expect(lastLines(log, 2)).toHaveLength(2);
  });

  it("is absent where the verifier was not reached; then libbpf's words are the reason", () => {
    const printed = "libbpf: map 'm': failed to create: Invalid argument(-22)\nlibbpf: failed to load object 'x'\n";
    expect(verifierLog(printed)).toBeUndefined();
    expect(libbpfReason(printed)).toEqual(["map 'm': failed to create: Invalid argument(-22)"]);
  });

  it("is whole even when it was cut short", () => {
    expect(verifierLog("-- BEGIN PROG LOAD LOG --\nline")).toBe("line");
  });

  it.each([
    ["the last that was walked", "41: (bf) r1 = r6\n; out:\n42: (95) exit\nR0 leaks\nprocessed 3 insns", 42],
    ["the one that the reason names", "back-edge from insn 7 to 3\nprocessed 0 insns (limit 1000000)", 7],
    ["none where all are to blame", "12: (95) exit\nBPF program is too large. Processed 1000001 insn", undefined],
  ])("tells which instruction was refused: %s", (_, log, instruction) => {
    const printed = `libbpf: prog 'main': -- BEGIN PROG LOAD LOG --\n${log}\n-- END PROG LOAD LOG --\n`;
    expect(refusedInstruction(printed)).toEqual(
      instruction === undefined ? undefined : { program: "main", instruction },
    );
  });

  it("is written to a file of its own each time", () => {
    const paths = [saveLog(REFUSED, "p", "one")!, saveLog(REFUSED, "p", "two")!];
    expect(paths.map((path) => readFileSync(path, "utf8"))).toEqual(["one", "two"]);
    paths.forEach((path) => rmSync(path));
  });

  it("leaves no file of a failure that was not the end", () => {
    const [one, other] = [failure("bpf_object__load", "E2BIG"), failure("bpf_object__load", "E2BIG")];
    const path = saveLog(one, "p", "one")!;
    discardLog(other);
    expect(existsSync(path)).toBe(true);
    discardLog(one);
    expect(existsSync(path)).toBe(false);
  });

  it("is not written through a link that somebody left in its place, nor where there is no folder", () => {
    const dir = mkdtempSync(join(tmpdir(), "xdpgen-log-"));
    vi.stubEnv("TMPDIR", dir);
    const first = saveLog(REFUSED, "p", "first")!;
    const next = first.replace(/\d+(?=\.log$)/, (n) => `${Number(n) + 1}`);
    writeFileSync(`${dir}/victim`, "untouched");
    symlinkSync(`${dir}/victim`, next);
    const second = saveLog(REFUSED, "p", "second")!;
    expect(second).not.toBe(next);
    expect(readFileSync(second, "utf8")).toBe("second");
    expect(readFileSync(`${dir}/victim`, "utf8")).toBe("untouched");
    rmSync(dir, { recursive: true });
    expect(saveLog(REFUSED, "p", "third")).toBeUndefined();
  });
});

describe("doctor", () => {
  it.each([
    ["5.9.16", "missing"],
    ["5.10.0-30-amd64", "ok"],
    ["6.1.0-50-amd64", "ok"],
    ["4.19.0", "missing"],
  ])("kernel %s is %s", (release, state) => {
    expect(kernelRelease(release).state).toBe(state);
  });

  it("knows a JIT that is off, on, or hidden", () => {
    expect([jit("0"), jit("1"), jit("2"), jit(undefined)].map((f) => f.state)).toEqual([
      "limited",
      "ok",
      "ok",
      "limited",
    ]);
  });

  it("names the capabilities that are missing", () => {
    expect(capabilities(new Set(["NET_ADMIN", "SYS_ADMIN"])).state).toBe("ok");
    expect(capabilities(new Set(["NET_ADMIN"]))).toMatchObject({ state: "missing", value: "CAP_NET_ADMIN" });
    expect(capabilities(new Set())).toMatchObject({ value: "none" });
  });

  it("names no command that there is not", async () => {
    const kernel = new FakeKernel();
    const lines: string[] = [];
    for (const each of [kernel, new FakeKernel({ freplace: false })]) {
      const { entries } = await doctor({ kernel: each });
      lines.push(...entries.flatMap(({ value, meaning, advice }) => [value, meaning, advice]));
    }
    lines.push(capabilities(new Set()).meaning);
    const commands = ["build", "apply", "status", "detach", "doctor"];
    const named = lines.flatMap((line) => [...line.matchAll(/`xdpgen (\w+)/g)].map(([, name]) => name!));
    expect(named.filter((name) => !commands.includes(name))).toEqual([]);
    expect(lines.join("\n")).not.toMatch(/`(plan|test|watch|rollback|graph|schema|serve)`/);
  });

  const root = new Set(["NET_ADMIN", "SYS_ADMIN"] as const);
  const refused = { supported: false, step: "load", errnoName: "EPERM", reason: "loading fails with EPERM" } as const;
  it("tells policy from lack of privilege and from lack of support", () => {
    expect(freplaceFinding({ supported: true }, root, undefined).state).toBe("ok");
    const policy = freplaceFinding(refused, root, "none [integrity] confidentiality");
    expect(policy.meaning).toMatch(/policy.*lockdown is `integrity`.*linked by `call`/);
    expect(policy.state).toBe("limited");
    expect(freplaceFinding(refused, root, "[none] integrity").meaning).not.toMatch(/lockdown is/);
    expect(freplaceFinding(refused, new Set(), undefined)).toMatchObject({
      state: "missing",
      advice: expect.stringContaining("sudo") as string,
    });
    expect(freplaceFinding({ ...refused, errnoName: "EINVAL" }, root, undefined).meaning).toMatch(/no extensions/);
    expect(freplaceFinding({ ...refused, step: "target" }, root, undefined).meaning).toMatch(/not even a plain/);
  });
});

describe("pins", () => {
  it.each([
    ["seen", "seen"],
    [".bss", "section-bss"],
    [".rodata.str1.1", "section-rodata-str1-1"],
  ])("map %s is pinned as %s, without a dot", (map, pin) => {
    expect(pinName(map)).toBe(pin);
  });

  it("find a program's name and hash again, hyphens and all", () => {
    const dir = mkdtempSync(join(tmpdir(), "xdpgen-store-"));
    const key = { name: "deny-list-2", hash: "0123456789abcdef" };
    mkdirSync(join(mapPin(dir, key, { name: "m", shared: false }), ".."), { recursive: true });
    mkdirSync(`${dir}/programs/not-a-program`);
    expect(listPrograms(dir)).toEqual([key]);
    rmSync(dir, { recursive: true });
  });
});
