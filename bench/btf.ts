/** The types of the running kernel, some hundred thousand, read, written and shown; bpftool, a whole process, on the same. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { decodeBtf, encodeBtf } from "../src/codegen/btf/index.ts";
import { kept } from "./kept.ts";
import { milliseconds, showSpread, type Spread } from "./statistics.ts";

const KERNEL = "/sys/kernel/btf/vmlinux";

export interface BtfRow {
  readonly step: string;
  readonly types: number;
  readonly milliseconds: Spread;
}

const WORDS = {
  method: "The running kernel's types, seven times each in one process; bpftool as often.",
  caveats: ["bpftool's time is that of a process which writes text, from its start to its end."],
};

export const btf = kept<BtfRow>("btf", WORDS, {
  measure({ smoke, progress }) {
    if (!existsSync(KERNEL)) return [];
    const bytes = new Uint8Array(readFileSync(KERNEL));
    const decoded = decodeBtf(bytes);
    const row = (step: string, run: () => unknown): BtfRow => {
      progress(step);
      return { step, types: decoded.types.length, milliseconds: milliseconds(smoke ? 1 : 7, run) };
    };
    return [
      row("decode", () => decodeBtf(bytes)),
      row("encode", () => encodeBtf({ btf: decoded })),
      row("bpftool btf dump", () =>
        execFileSync("bpftool", ["btf", "dump", "file", KERNEL], {
          maxBuffer: 1 << 29,
          stdio: ["ignore", "pipe", "pipe"],
        }),
      ),
    ];
  },
  show: (rows) =>
    rows.length === 0
      ? [`The kernel's types: not measured, this kernel has no ${KERNEL}`]
      : [
          `The kernel's ${rows[0]!.types} types, in ms: median (minimum to maximum)`,
          ...rows.map((row) => `${row.step.padEnd(20)} ${showSpread(row.milliseconds, 0)}`),
        ],
});
