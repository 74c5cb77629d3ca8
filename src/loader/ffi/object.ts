/** An ELF object in libbpf's hands: `struct bpf_object` behind the `BpfObject` of the seam. */
import type { BpfObject, ObjectMap, ObjectProgram } from "../machine/kernel.ts";
import { check } from "./check.ts";
import { BPF_LOG_STATS, BPF_PROG_TYPE_EXT, BPF_PROG_TYPE_XDP, BPF_XDP } from "./constants.ts";
import { addressOf, holding, type Pointer } from "./declare.ts";
import { libbpf, type Libbpf } from "./libbpf.ts";
import { objectOpenOpts } from "./structs.ts";

/** @param lib tests give their own */
export function openObject(elf: Uint8Array, name: string, lib: Libbpf = libbpf()): BpfObject {
  const objectName = Buffer.from(`${name}\0`);
  const opts = objectOpenOpts(addressOf(objectName));
  const object = check(
    "bpf_object__open_mem",
    holding([objectName], () => lib.bpf_object__open_mem(elf, elf.length, opts)),
  );
  try {
    return opened(lib, object);
  } catch (error) {
    lib.bpf_object__close(object);
    throw error;
  }
}

function opened(lib: Libbpf, object: Pointer): BpfObject {
  let open = true;
  const handles = walk(object, lib.bpf_object__next_map);
  const maps = handles.map((m) => mapOf(lib, m));
  const logs = new Map<Pointer, Buffer>();
  const programs = walk(object, lib.bpf_object__next_program);
  return {
    programs: programs.map((p) => programOf(lib, p, logs)),
    maps,
    map: (wanted) => maps[handles.indexOf(lib.bpf_object__find_map_by_name(object, wanted))],
    load({ statistics } = { statistics: false }) {
      if (statistics)
        for (const program of programs) if (lib.bpf_program__autoload(program)) askForStatistics(lib, program, logs);
      check("bpf_object__load", lib.bpf_object__load(object));
    },
    [Symbol.dispose]: () => {
      if (open) lib.bpf_object__close(object);
      open = false;
    },
  };
}

/** Bytes for the figures of one program: a line with a number for each of 256 functions, and room for remarks. */
const STATISTICS_BYTES = 1 << 16;

/** @param logs are filled by the kernel while the object is loaded */
function askForStatistics(lib: Libbpf, program: Pointer, logs: Map<Pointer, Buffer>): void {
  const log = Buffer.allocUnsafe(STATISTICS_BYTES);
  log[0] = 0;
  logs.set(program, log);
  check("bpf_program__set_log_level", lib.bpf_program__set_log_level(program, BPF_LOG_STATS));
  check("bpf_program__set_log_buf", lib.bpf_program__set_log_buf(program, log, log.length));
}

function walk(object: Pointer, next: (object: Pointer, previous: Pointer) => Pointer): Pointer[] {
  const found: Pointer[] = [];
  for (let item = next(object, null); item !== null; item = next(object, item)) found.push(item);
  return found;
}

function programOf(lib: Libbpf, program: Pointer, logs: ReadonlyMap<Pointer, Buffer>): ObjectProgram {
  const setType = (type: number, attachType: number): void => {
    check("bpf_program__set_type", lib.bpf_program__set_type(program, type));
    check("bpf_program__set_expected_attach_type", lib.bpf_program__set_expected_attach_type(program, attachType));
  };
  return {
    name: lib.bpf_program__name(program),
    setAutoload: (on) => void check("bpf_program__set_autoload", lib.bpf_program__set_autoload(program, on)),
    makeXdp: (attachType) => setType(BPF_PROG_TYPE_XDP, attachType === "none" ? 0 : BPF_XDP),
    makeExtension: (target, functionName) => {
      setType(BPF_PROG_TYPE_EXT, 0);
      check("bpf_program__set_attach_target", lib.bpf_program__set_attach_target(program, target, functionName));
    },
    fd: () => check("bpf_program__fd", lib.bpf_program__fd(program)),
    statistics() {
      const log = logs.get(program);
      return log ? log.toString("utf8", 0, log.indexOf(0)) : "";
    },
  };
}

function mapOf(lib: Libbpf, map: Pointer): ObjectMap {
  const pinnedByName = lib.bpf_map__pin_path(map) !== null;
  // Left alone, libbpf would share it with everybody on the machine who uses that name.
  check("bpf_map__set_pin_path", lib.bpf_map__set_pin_path(map, null));
  return {
    name: mapName(lib.bpf_map__name(map)),
    pinnedByName,
    type: lib.bpf_map__type(map),
    keySize: lib.bpf_map__key_size(map),
    valueSize: lib.bpf_map__value_size(map),
    maxEntries: lib.bpf_map__max_entries(map),
    flags: lib.bpf_map__map_flags(map),
    reuse: (fd) => void check("bpf_map__reuse_fd", lib.bpf_map__reuse_fd(map, fd)),
    setInitialValue: (value) =>
      void check("bpf_map__set_initial_value", lib.bpf_map__set_initial_value(map, value, value.length)),
    fd: () => check("bpf_map__fd", lib.bpf_map__fd(map)),
  };
}

/** libbpf puts the object's name before `.data`, `.bss` and `.rodata`; C names have no dot. */
export function mapName(name: string): string {
  const dot = name.indexOf(".");
  return dot < 0 ? name : name.slice(dot);
}
