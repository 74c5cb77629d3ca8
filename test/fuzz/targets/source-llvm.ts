/** Random sources through LLVM's assembler and through ours. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { readElf } from "../../../src/codegen/elf/index.ts";
import { formatObject, parseObject } from "../../../src/codegen/source/index.ts";
import { type LlvmTools, LLVMS } from "../../support/llvm-tools.ts";
import { withFile } from "../../support/llvm.ts";
import { type Random, random } from "../../support/random.ts";
import { meaning } from "../../unit/source/same.ts";
import type { FuzzTarget } from "../target.ts";

interface Place {
  readonly name: string;
  readonly directive: string;
  readonly code: boolean;
}

/** Sections of every sort that changes what an address becomes. */
const PLACES: readonly Place[] = [
  { name: ".text", directive: ".text", code: true },
  { name: "xdp", directive: '.section xdp,"ax",@progbits', code: true },
  { name: "tc/ingress", directive: '.section "tc/ingress","ax"', code: true },
  { name: ".data", directive: ".data", code: false },
  { name: ".rodata", directive: '.section .rodata,"a",@progbits', code: false },
  { name: ".rodata.str1.1", directive: '.section .rodata.str1.1,"aMS",@progbits,1', code: false },
  { name: ".maps", directive: '.section .maps,"aw"', code: false },
  { name: ".debug_thing", directive: '.section .debug_thing,"",@progbits', code: false },
];

/** Labels of a source, each in one section. */
interface Label {
  readonly name: string;
  readonly place: Place;
  readonly local: boolean;
}

const UNDEFINED: readonly string[] = ["outside", "helper_of_mine", "far.away"];

/** Sources in one text: starting llvm-mc costs more than they do. */
const TOGETHER = 100;

class Source {
  private readonly r: Random;
  private readonly labels: Label[] = [];
  private readonly constants: readonly string[];

  /** @param number ends every name that it defines, so that sources can stand in one text */
  constructor(r: Random, number: number) {
    this.r = r;
    this.constants = [`LIMIT${number}`, `MASK${number}`];
    for (const place of PLACES) {
      for (let count = r.int(5); count > 0; count--) {
        const kind = r.pick([".L", "local_", "static.", "global_", "weak_"]);
        const local = kind !== "global_" && kind !== "weak_";
        this.labels.push({ name: `${kind}${this.labels.length}_${number}`, place, local });
      }
    }
  }

  /** The whole text; sections are left and entered again. */
  text(): string {
    const { r } = this;
    const sections = PLACES.map(({ directive }) => directive);
    const lines = [
      `.file "random.c"`,
      ...sections,
      ...this.attributes(),
      ...this.constants.map((name) => `.set ${name}, ${r.int(200)}`),
    ];
    const waiting = this.labels.map((label) => label);
    for (let part = 0; part < 12; part++) {
      const place = r.pick(PLACES);
      lines.push(place.directive, ...this.body(place, waiting));
    }
    for (const label of waiting) lines.push(label.place.directive, `${label.name}:`, this.statement(label.place));
    return `${lines.join("\n")}\n`;
  }

  private attributes(): string[] {
    const { r } = this;
    return this.labels.flatMap(({ name, place }) => {
      const lines = name.startsWith("global_") ? [`.globl ${name}`] : name.startsWith("weak_") ? [`.weak ${name}`] : [];
      if (name.startsWith(".L")) return lines;
      if (r.chance(0.5)) lines.push(`.type ${name},@${place.code ? "function" : "object"}`);
      if (r.chance(0.3)) lines.push(`.size ${name}, ${r.int(64)}`);
      if (r.chance(0.2)) lines.push(`.${r.pick(["hidden", "protected", "internal"])} ${name}`);
      return lines;
    });
  }

  private body(place: Place, waiting: Label[]): string[] {
    const { r } = this;
    const lines: string[] = [];
    // LLVM pads code in whole slots only.
    if (place.code && r.chance(0.3)) lines.push(`.p2align ${3 + r.int(2)}`);
    let before = false;
    for (let count = r.int(10); count > 0; count--) {
      const here = waiting.findIndex((label) => label.place === place);
      if (here >= 0 && r.chance(0.5)) lines.push(`${waiting.splice(here, 1)[0]!.name}:`);
      if (place.code && r.chance(0.2)) {
        lines.push("7:");
        before = true;
      }
      if (place.code && before && r.chance(0.2)) lines.push("goto 7b");
      else lines.push(this.statement(place));
    }
    return lines;
  }

  private statement(place: Place): string {
    return place.code ? this.instruction(place) : this.data(place);
  }

  private instruction(place: Place): string {
    const { r } = this;
    const functions = this.labels.filter((label) => label.place.code).map(({ name }) => name);
    const near = this.labels.filter((label) => label.place === place && label.local);
    const register = r.int(10);
    const choices = [
      () => `r${register} = ${r.int(1000) - 500}`,
      () => `w${register} += w${r.int(10)}`,
      () => `*(u32 *)(r10 - ${8 * (1 + r.int(8))}) = r${register}`,
      () => `r${register} = ${r.bits32()}${r.bits32() % 10_000} ll`,
      () => `r${register} = ${this.address()} ll`,
      () => `call ${r.pick([...functions, ...UNDEFINED])}`,
      () => `call ${r.int(200)}`,
      () => (near.length > 0 ? `goto ${r.pick(near).name}` : "exit"),
      () => (near.length > 0 ? `if r${register} s> ${r.int(99)} goto ${r.pick(near).name}` : "exit"),
      () => `.quad ${this.address()}`,
      () => "exit # the end; of it",
    ];
    return r.pick(choices)();
  }

  private data(place: Place): string {
    const { r } = this;
    const near = this.labels.filter((label) => label.place === place);
    const distance = (): string => (near.length > 0 ? `${r.pick(near).name} - ${r.pick(near).name}` : ". - .");
    const choices = [
      () => `.byte ${r.int(256)}, 'x', ${-r.int(128)}`,
      () => `.short ${r.int(65_536)}`,
      () => `.long ${this.address()}`,
      () => `.long ${distance()}`,
      () => `.quad ${this.address()}, ${r.bits32()}`,
      () => `.quad ${distance()} + ${r.int(9)}`,
      () => `.ascii "a\\tb\\\\c\\"d; # \\${r.int(4)}${r.int(8)}${r.int(8)}"`,
      () => `.asciz "text ${r.int(100)}"`,
      () => `.zero ${r.int(20)}`,
      () => `.p2align ${r.int(5)}`,
      () => `.balign ${2 ** r.int(5)}, ${r.int(256)}`,
      () => `.uleb128 ${r.bits32()}`,
      () => `.sleb128 ${r.int(0x1_0000) - 0x8000}`,
      () => `.long ${this.number(3)}`,
      () => `.fill ${r.int(4)}, ${1 + r.int(8)}, ${r.bits32()}`,
      () => `.int ${r.pick(this.constants)} * 2 + 1`,
    ];
    return r.pick(choices)();
  }

  private address(): string {
    const { r } = this;
    const name = r.pick([...this.labels.map((label) => label.name), ...UNDEFINED, ".text", ".data"]);
    return r.chance(0.5) ? name : `${name} + ${r.int(64)}`;
  }

  /** An expression of numbers, kept within 31 bits by a mask. */
  private number(depth: number): string {
    const { r } = this;
    if (depth === 0)
      return r.pick([String(r.int(1000)), `0x${r.int(4096).toString(16)}`, `0${r.int(8)}7`, `-${r.int(9)}`]);
    const operator = r.pick(["+", "-", "*", "&", "|", "^"]);
    return `(${this.number(depth - 1)} ${operator} ${this.number(depth - 1)} ${r.pick(["+", "<<", "/"])} ${1 + r.int(4)}) & 0xffff`;
  }
}

/** The lines that matter, found by leaving out what does not: labels and attributes stay. */
function shrink(text: string, fails: (text: string) => boolean): string {
  let lines = text.split("\n");
  for (let size = Math.ceil(lines.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < lines.length;) {
      const fewer = [...lines.slice(0, at), ...lines.slice(at + size)];
      if (fails(fewer.join("\n"))) lines = fewer;
      else at += size;
    }
  }
  return lines.join("\n");
}

function assembled(text: string, llvm: LlvmTools): ReturnType<typeof meaning> {
  return withFile(text, (path) => {
    const [file, ...words] = llvm.command("llvm-mc");
    execFileSync(file, [...words, "-triple", "bpfel", "-filetype=obj", "-mcpu=v3", path, "-o", `${path}.obj`], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return meaning(readElf(new Uint8Array(readFileSync(`${path}.obj`))));
  });
}

/** What is wrong with one source, or nothing. */
function complaint(text: string): string | undefined {
  try {
    return difference(text);
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error);
  }
}

function difference(text: string): string | undefined {
  const object = parseObject(text);
  const ours = meaning(object);
  for (const llvm of LLVMS) {
    const theirs = assembled(text, llvm);
    if (!isDeepStrictEqual(ours, theirs)) {
      return `LLVM ${llvm.version} makes ${JSON.stringify(theirs, undefined, 1)}\nand we make ${JSON.stringify(ours, undefined, 1)}`;
    }
  }
  const again = meaning(parseObject(formatObject(object)));
  return isDeepStrictEqual(again, ours) ? undefined : `formatObject gives another object:\n${formatObject(object)}`;
}

/** A difference, not a source that nobody takes: leaving out a label is no way to a smaller case. */
function differs(text: string): boolean {
  try {
    return difference(text) !== undefined;
  } catch {
    return false;
  }
}

const target: FuzzTarget = {
  name: "source-llvm",
  claim: "the text of an object becomes the same sections, symbols and relocations as with llvm-mc, and back",
  cases: 2000,
  run(seed, cases) {
    const from = random(seed);
    for (let done = 0; done < cases; done += TOGETHER) {
      const count = Math.min(TOGETHER, cases - done);
      const texts = Array.from({ length: count }, (_, number) => new Source(random(from.bits32()), number).text());
      const all = texts.join("");
      if (complaint(all) === undefined) continue;
      const text = texts.find((one) => complaint(one) !== undefined) ?? all;
      const small = differs(text) ? shrink(text, differs) : text;
      throw new Error(`${small}\n${complaint(small)}`);
    }
    return cases;
  },
};

export default target;
