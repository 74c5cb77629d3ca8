/**
 * A kernel of plain objects: programs, maps and links by id, fds that are counted, pins as files that hold an id. It takes
 * extensions, and keeps the rules that a swap relies on: compare and swap, one link for an interface, one extension for a
 * slot, a link without fd or pin is detached. Nothing is verified or run.
 */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { Mode } from "../../../src/chain/chain.ts";
import { readElf } from "../../../src/codegen/elf/index.ts";
import type { ElfObject } from "../../../src/codegen/elf/object.ts";
import { decodeManifest, MANIFEST_SECTION, type MapDefinition } from "../../../src/codegen/index.ts";
import {
  type BpfObject,
  type Fd,
  type Kernel,
  KernelError,
  type LinkInfo,
  type MapInfo,
  type ObjectMap,
  type ObjectProgram,
  type ProgramCode,
  type ProgramInfo,
  type RawProgram,
  type Verification,
} from "../../../src/loader/machine/kernel.ts";

const ERRNOS = {
  EPERM: 1,
  ENOENT: 2,
  EEXIST: 17,
  EBUSY: 16,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  ENOLINK: 67,
  EACCES: 13,
  E2BIG: 7,
  EMFILE: 24,
  ENOSPC: 28,
} as const;

export function failure(call: string, name: keyof typeof ERRNOS, log = ""): KernelError {
  return new KernelError(call, ERRNOS[name], name, log);
}

type Resource =
  | {
      readonly kind: "program";
      readonly info: ProgramInfo;
      readonly extension: boolean;
      readonly functions: readonly string[];
      readonly code?: ProgramCode;
      /** What maps of programs tell programs apart by; the default is "xdp", without frags. */
      readonly alike?: string;
    }
  | { readonly kind: "map"; readonly info: MapInfo; value: Uint8Array; program?: number | undefined }
  | { readonly kind: "link"; info: LinkInfo; readonly mode?: Mode; readonly slot?: string; moved?: boolean }
  | { readonly kind: "btf"; readonly bytes: Uint8Array };

/** As kernel/bpf/verifier.c says it, within libbpf's frame. */
const TOO_LARGE =
  "-- BEGIN PROG LOAD LOG --\nBPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns\n-- END PROG LOAD LOG --\n";

/** The same, of a program that is taken. */
const STATISTICS = `verification time 12 usec
stack depth 16+0
processed 345 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

/** Functions whose code is in the dispatcher's, as its manifest says. */
function inlinedFunctions(elf: ElfObject): readonly string[] {
  const section = elf.sections.find(({ name }) => name === MANIFEST_SECTION);
  if (!section) return [];
  const { programs } = decodeManifest(section.data).manifest;
  return programs.flatMap((program) => (program.linkage === "inline" ? [program.function!] : []));
}

export interface FakeOptions {
  /** Whether extensions load. Default true. */
  readonly freplace?: boolean;
  /** Modes that the driver refuses. */
  readonly refuses?: readonly Mode[];
  /** Whether the verifier has too much to walk where a program is inlined. */
  readonly inlinedIsTooLarge?: boolean;
  /** Functions that the verifier refuses. */
  readonly rejects?: readonly string[];
  /** Definitions of maps by name, where they are not the default. */
  readonly maps?: Readonly<Record<string, Partial<MapDefinition> & { readonly pinnedByName?: boolean }>>;
}

const PROG_ARRAY = 3;
/** The first byte of a load of 64 bits; and what the upper half of its second is where it loads a map by fd. */
const LD_IMM64 = 0x18;
const MAP_FD = 1;

const XDP = "xdp";
const alikeOf = ({
  frags = false,
  attachType = "xdp",
}: {
  readonly frags?: boolean;
  readonly attachType?: string;
}): string => (frags ? `${attachType} with frags` : attachType);

const BPF_F_RDONLY_PROG = 0x80;
const DEFINITION: MapDefinition = { type: 1, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0 };

export class FakeKernel implements Kernel {
  readonly libbpfVersion = "1.1";
  options: FakeOptions;
  /** Names and indexes. */
  readonly interfaces = new Map([["lo", 1]]);
  readonly #resources = new Map<number, Resource>();
  readonly #fds = new Map<number, number>();
  readonly #pins = new Set<string>();
  /** Programs that are attached by netlink, by interface. */
  readonly #netlink = new Map<number, { readonly mode: Mode; readonly programId: number }>();
  #next = 100;

  constructor(options: FakeOptions = {}) {
    this.options = options;
  }

  get openFds(): number {
    return this.#fds.size;
  }

  /** The program on an interface; 0 for none. */
  running(ifindex = 1): number {
    return this.#linksOn(ifindex)[0]?.info.programId ?? this.#netlink.get(ifindex)?.programId ?? 0;
  }

  /** Names of the slots that are bound in a program, by the extension's function. */
  boundSlots(program: number): readonly string[] {
    return this.#alive()
      .flatMap((r) =>
        r.kind === "link" && r.slot?.startsWith(`${program}:`) ? [r.slot.slice(`${program}:`.length)] : [],
      )
      .toSorted();
  }

  /** What deleting the interface does: the link stays, without an interface. */
  deleteInterface(name: string): void {
    const ifindex = this.interfaces.get(name)!;
    this.interfaces.delete(name);
    for (const link of this.#linksOn(ifindex)) link.info = { ...link.info, ifindex: 0 };
  }

  /** The interface goes to another network namespace with its links, keeps its index there, and another gets it here. */
  moveInterface(name: string): void {
    for (const link of this.#linksOn(this.interfaces.get(name)!)) link.moved = true;
  }

  /** A link that is not pinned lives as long as somebody's fd of it; this tells whether it holds an interface, and which. */
  linksTo(programId: number): readonly number[] {
    return this.#alive().flatMap((r) => (r.kind === "link" && r.info.programId === programId ? [r.info.ifindex] : []));
  }

  /** A program of somebody else, with an fd that stays open. */
  foreign(name: string): Fd {
    return this.#open(this.#add({ kind: "program", info: programInfo(name, []), extension: false, functions: [] }));
  }

  /** The program in a map of programs. */
  programIn(map: number): number | undefined {
    const found = this.#resources.get(map);
    return found?.kind === "map" ? found.program : undefined;
  }

  /** A loaded program of this kind, with an fd that stays open. */
  loadedAs(
    name: string,
    kind: { readonly frags?: boolean; readonly attachType?: "xdp" | "none"; readonly type?: number },
  ): Fd {
    const info = { ...programInfo(name, []), ...(kind.type !== undefined && { type: kind.type }) };
    const alike = alikeOf(kind);
    return this.#open(this.#add({ kind: "program", info, extension: false, functions: [], alike }));
  }

  /** Somebody else's program on an interface. */
  occupy(ifindex: number, name: string, mode: Mode = "native"): number {
    const id = this.#add({ kind: "program", info: programInfo(name, []), extension: false, functions: [] });
    const link = this.#add({ kind: "link", info: { id: 0, programId: id, ifindex }, mode });
    this.#open(link);
    return id;
  }

  /** A map of somebody else, with an fd that stays open. */
  foreignMap(name: string): number {
    const id = this.#add({ kind: "map", info: { ...DEFINITION, id: 0, name }, value: new Uint8Array() });
    this.#open(id);
    return id;
  }

  /** BTF of somebody else, with an fd that stays open. */
  foreignBtf(bytes: Uint8Array): number {
    const id = this.#add({ kind: "btf", bytes });
    this.#open(id);
    return id;
  }

  /** A loaded program with this code, with an fd that stays open. */
  foreignCode(name: string, code: ProgramCode): number {
    const id = this.#add({ kind: "program", info: programInfo(name, []), extension: false, functions: [], code });
    this.#open(id);
    return id;
  }

  openObject = (bytes: Uint8Array, objectName: string): BpfObject => {
    let elf;
    try {
      elf = readElf(bytes);
    } catch {
      throw failure("bpf_object__open_mem", "EINVAL", "libbpf: elf: not a proper ELF object\n");
    }
    const opened: Fd[] = [];
    const functions = elf.symbols.filter((s) => s.type === "func" && s.binding !== "local");
    const inXdp = functions.filter(
      (s) => typeof s.section === "number" && elf.sections[s.section]!.name.startsWith("xdp"),
    );
    const state = inXdp.map((s) => ({
      name: s.name,
      autoload: true,
      target: undefined as string | undefined,
      fd: -1,
      statistics: "",
    }));
    const mapNames = [
      ...elf.sections.flatMap((s) => (/^\.(rodata|data|bss)/.test(s.name) ? [{ name: s.name, size: s.size }] : [])),
      ...elf.symbols.flatMap((s) =>
        typeof s.section === "number" && elf.sections[s.section]!.name === ".maps" && s.type === "object"
          ? [{ name: s.name, size: DEFINITION.valueSize }]
          : [],
      ),
    ];
    const values = mapNames.map(({ size }) => new Uint8Array(size));
    const mapFds = mapNames.map(() => -1);
    const maps = mapNames.map(({ name, size }, index): ObjectMap => {
      const { pinnedByName = false, ...definition } = this.options.maps?.[name] ?? {};
      const array = name.startsWith("tail_") ? { type: PROG_ARRAY, valueSize: 4, maxEntries: 1 } : {};
      return {
        ...DEFINITION,
        valueSize: size,
        flags: name.startsWith(".rodata") ? BPF_F_RDONLY_PROG : DEFINITION.flags,
        ...array,
        ...definition,
        name,
        pinnedByName,
        reuse: (fd) => {
          const taken = this.#open(this.#fds.get(fd)!);
          opened.push(taken);
          mapFds[index] = taken.number;
        },
        setInitialValue: (value) => {
          if (value.length !== size) throw failure("bpf_map__set_initial_value", "EINVAL");
          values[index] = value.slice();
        },
        fd: () => mapFds[index]!,
      };
    });
    const programs = state.map((p): ObjectProgram => ({
      name: p.name,
      setAutoload: (on) => void (p.autoload = on),
      makeXdp: () => void (p.target = undefined),
      makeExtension: (target, functionName) => {
        const of = this.#resource(target, "program");
        if (!of.functions.includes(functionName)) throw failure("bpf_program__set_attach_target", "ENOENT");
        p.target = functionName;
      },
      fd: () => p.fd,
      statistics: () => p.statistics,
    }));
    return {
      programs,
      maps,
      map: (name) => maps.find((m) => m.name === name),
      load: ({ statistics } = { statistics: false }) => {
        maps.forEach((map, index) => {
          if (mapFds[index] !== -1) return;
          const info = { ...DEFINITION, ...map, id: 0, name: map.name.slice(0, 15) };
          const made = this.#open(this.#add({ kind: "map", info, value: values[index]! }));
          opened.push(made);
          mapFds[index] = made.number;
        });
        for (const p of state.filter((s) => s.autoload)) {
          if (p.target !== undefined && this.options.freplace === false) throw failure("bpf_object__load", "EPERM");
          if (this.options.inlinedIsTooLarge && inlinedFunctions(elf).length > 0)
            throw failure("bpf_object__load", "E2BIG", statistics ? "" : TOO_LARGE);
          const code = [...functions.map(({ name }) => name), ...inlinedFunctions(elf)];
          const rejected = code.find((name) => this.options.rejects?.includes(name));
          if (rejected !== undefined)
            throw failure("bpf_object__load", "EACCES", statistics ? "" : verifierLog(rejected));
          const mapIds = mapFds.map((fd) => this.#fds.get(fd)!);
          const id = this.#add({
            kind: "program",
            info: programInfo(p.name, mapIds),
            extension: p.target !== undefined,
            functions: functions.map((f) => f.name),
          });
          const made = this.#open(id);
          opened.push(made);
          p.fd = made.number;
          if (statistics) p.statistics = STATISTICS;
        }
        void objectName;
      },
      [Symbol.dispose]: () => opened.splice(0).forEach((fd) => fd.close()),
    };
  };

  loadBtf = (bytes: Uint8Array): Fd => this.#open(this.#add({ kind: "btf", bytes }));
  loadProgram = (raw: RawProgram): Fd => {
    const extension = raw.type === "extension";
    if (extension && this.options.freplace === false) throw failure("bpf_prog_load", "EPERM");
    const [opcode, source] = raw.instructions;
    if (opcode === LD_IMM64 && source! >> 4 === MAP_FD) {
      const map = new DataView(raw.instructions.buffer, raw.instructions.byteOffset).getInt32(4, true);
      const inside = this.#resources.get(this.#resource(map, "map").program ?? -1);
      if (inside?.kind === "program" && (inside.alike ?? XDP) !== alikeOf(raw))
        throw failure("bpf_prog_load", "EINVAL");
    }
    return this.#open(
      this.#add({ kind: "program", info: programInfo(raw.name, []), extension, functions: [raw.name] }),
    );
  };
  createMap = ({ name, ...definition }: Omit<MapDefinition, "flags"> & { readonly name: string }): Fd =>
    this.#open(
      this.#add({
        kind: "map",
        info: { ...definition, flags: 0, id: 0, name },
        value: new Uint8Array(definition.valueSize),
      }),
    );
  verify = (): Verification => ({ log: "", refusal: undefined });

  isMap = (fd: number): boolean => this.#resources.get(this.#fds.get(fd) ?? -1)?.kind === "map";
  isLink = (fd: number): boolean => this.#resources.get(this.#fds.get(fd) ?? -1)?.kind === "link";
  isProgram = (fd: number): boolean => this.#resources.get(this.#fds.get(fd) ?? -1)?.kind === "program";
  programInfo = (fd: number): ProgramInfo => this.#resource(fd, "program").info;
  mapInfo = (fd: number): MapInfo => this.#resource(fd, "map").info;
  linkInfo = (fd: number): LinkInfo => this.#resource(fd, "link").info;
  programCode = (fd: number): ProgramCode => this.#resource(fd, "program").code ?? NO_CODE;
  programFunctions = (fd: number): ProgramCode["functions"] => this.programCode(fd).functions;
  programTypeName = (type: number): string => (type === 6 ? "xdp" : `type ${type}`);
  btfBytes = (fd: number): Uint8Array => this.#resource(fd, "btf").bytes;
  programMemory = (fd: number): number => this.#resource(fd, "program") && 4096;
  btfById = (id: number): Fd => this.#byId(id, "btf");
  programById = (id: number): Fd => this.#byId(id, "program");
  mapById = (id: number): Fd => this.#byId(id, "map");
  linkById = (id: number): Fd => this.#byId(id, "link");
  nextLinkId = (id: number): number | undefined =>
    [...this.#resources]
      .flatMap(([n, r]) => (n > id && r.kind === "link" && this.#isAlive(n) ? [n] : []))
      .toSorted((a, b) => a - b)[0];
  lookup = (fd: number): Uint8Array => {
    const { program, value, info } = this.#resource(fd, "map");
    if (info.type !== PROG_ARRAY) return value;
    if (program === undefined) throw failure("bpf_map_lookup_elem", "ENOENT");
    return new Uint8Array(Uint32Array.of(program).buffer);
  };
  update = (fd: number, _key: Uint8Array, value: Uint8Array): void => {
    const map = this.#resource(fd, "map");
    if (map.info.type === PROG_ARRAY) map.program = this.#fds.get(new DataView(value.buffer).getUint32(0, true));
    else map.value = value.slice();
  };

  pin = (fd: number, path: string): void => {
    if (path.includes(".", path.indexOf("/xdpgen/"))) throw failure("bpf_obj_pin", "EPERM");
    if (existsSync(path)) throw failure("bpf_obj_pin", "EEXIST");
    writeFileSync(path, String(this.#fds.get(fd)!));
    this.#pins.add(path);
  };
  openPin = (path: string): Fd => {
    if (!existsSync(path)) throw failure("bpf_obj_get", "ENOENT");
    if (statSync(path).isDirectory()) throw failure("bpf_obj_get", "EACCES");
    return this.#open(Number(readFileSync(path, "utf8")));
  };

  linkXdp = (fd: number, ifindex: number, mode: Mode): Fd => {
    if (this.running(ifindex) !== 0) throw failure("bpf_link_create", "EBUSY");
    if (this.options.refuses?.includes(mode)) throw failure("bpf_link_create", "EOPNOTSUPP");
    const programId = this.#fds.get(fd)!;
    return this.#open(this.#add({ kind: "link", info: { id: 0, programId, ifindex }, mode }));
  };
  linkExtension = (fd: number, target: number, btfId: number): Fd => {
    if (!this.#resource(fd, "program").extension) throw failure("bpf_link_create", "EINVAL");
    const slot = `${this.#fds.get(target)!}:${btfId}`;
    if (this.#alive().some((r) => r.kind === "link" && r.slot === slot)) throw failure("bpf_link_create", "EBUSY");
    const programId = this.#fds.get(fd)!;
    return this.#open(this.#add({ kind: "link", info: { id: 0, programId, ifindex: 0 }, slot }));
  };
  updateLink = (fd: number, next: number, expected: number): void => {
    const link = this.#resource(fd, "link");
    if (link.info.ifindex === 0) throw failure("bpf_link_update", "ENOLINK");
    if (link.info.programId !== this.#fds.get(expected)) throw failure("bpf_link_update", "EPERM");
    link.info = { ...link.info, programId: this.#fds.get(next)! };
  };
  detachLink = (fd: number): void => {
    const link = this.#resource(fd, "link");
    link.info = { ...link.info, ifindex: 0 };
  };
  queryXdp = (ifindex: number) => {
    const netlink = this.#netlink.get(ifindex);
    const of = (mode: Mode): number =>
      this.#linksOn(ifindex).find((l) => l.mode === mode)?.info.programId ??
      (netlink?.mode === mode ? netlink.programId : 0);
    return { native: of("native"), generic: of("generic"), offloaded: 0 };
  };
  attachXdp = (ifindex: number, program: number, mode: Mode): void => {
    if (this.running(ifindex) !== 0) throw failure("bpf_xdp_attach", "EBUSY");
    this.#netlink.set(ifindex, { mode, programId: this.#fds.get(program)! });
  };
  detachXdp = (ifindex: number, mode: Mode, expected: number): void => {
    if (this.#linksOn(ifindex).some((link) => link.mode === mode)) throw failure("bpf_xdp_detach", "EBUSY");
    if (this.#netlink.get(ifindex)?.programId !== this.#fds.get(expected)) throw failure("bpf_xdp_detach", "EEXIST");
    this.#netlink.delete(ifindex);
  };
  waitForPackets = (): Promise<void> => Promise.resolve();
  testRun = () => Promise.resolve({ retval: 2, dataOut: new Uint8Array(), duration: 0 });
  interfaceIndex = (name: string): number => this.interfaces.get(name) ?? 0;
  interfaceName = (index: number): string | undefined => [...this.interfaces].find(([, known]) => known === index)?.[0];
  enterNetwork = (): void => {};
  tryLock = (): boolean => true;
  mountBpffs = (): void => {};

  #add(resource: Resource): number {
    const id = this.#next++;
    if (resource.kind === "btf") this.#resources.set(id, resource);
    else this.#resources.set(id, { ...resource, info: { ...resource.info, id } } as Resource);
    return id;
  }

  #open(id: number): Fd {
    const number = this.#next++;
    this.#fds.set(number, id);
    const close = (): void => void this.#fds.delete(number);
    return { number, close, [Symbol.dispose]: close };
  }

  #byId(id: number, kind: Resource["kind"]): Fd {
    if (this.#resources.get(id)?.kind !== kind) throw failure(`bpf_${kind}_get_fd_by_id`, "ENOENT");
    return this.#open(id);
  }

  #resource<K extends Resource["kind"]>(fd: number, kind: K): Extract<Resource, { kind: K }> {
    const found = this.#resources.get(this.#fds.get(fd) ?? -1);
    if (found?.kind !== kind) throw new Error(`fd ${fd} is no open ${kind}: a bug of the loader`);
    return found as Extract<Resource, { kind: K }>;
  }

  #isAlive(id: number): boolean {
    if ([...this.#fds.values()].includes(id)) return true;
    const isPin = (path: string): boolean => existsSync(path) && statSync(path).isFile();
    return [...this.#pins].some((path) => isPin(path) && readFileSync(path, "utf8") === `${id}`);
  }

  #alive(): readonly Resource[] {
    return [...this.#resources].flatMap(([id, resource]) => (this.#isAlive(id) ? [resource] : []));
  }

  #linksOn(ifindex: number) {
    return this.#alive().flatMap((r) =>
      r.kind === "link" && !r.moved && r.info.ifindex === ifindex && ifindex !== 0 ? [r] : [],
    );
  }
}

const NO_CODE: ProgramCode = { instructions: undefined, btfId: 0, functions: [], lines: [] };

function programInfo(name: string, mapIds: readonly number[]): ProgramInfo {
  const figures = { verifiedInstructions: 345, translatedBytes: 80, jitedBytes: 64, functions: 2 };
  return { type: 6, id: 0, tag: "0123456789abcdef", name, loadTime: 1n, mapIds, ...figures };
}

function verifierLog(functionName: string): string {
  return `libbpf: prog 'x': BPF program load failed: Permission denied
libbpf: prog 'x': -- BEGIN PROG LOAD LOG --
0: R1=ctx(off=0,imm=0) R10=fp0
; in ${functionName}
R0 !read_ok
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
libbpf: failed to load object 'x'
`;
}
