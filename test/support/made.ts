/** Everything that is loaded through a kernel, noted by its id, to tell later what of it is still there. */
import koffi from "koffi";
import { declare } from "../../src/loader/ffi/declare.ts";
import { type BpfObject, type Fd, isErrno, type Kernel } from "../../src/loader/machine/kernel.ts";

/**
 * enum bpf_map_type. One that loses its last fd is emptied a little later, and whoever opens it by id in between makes the kernel
 * keep it for good (prog_array_map_clear in kernel/bpf/arraymap.c, 6.18): these are looked for among all ids, and not opened.
 */
const PROG_ARRAY = 3;

const nextMapId = declare<(start: number, next: Uint8Array) => number>(
  koffi.load("libbpf.so.1"),
  "int bpf_map_get_next_id(__u32 start_id, void *next_id)",
);

/** Ids of all maps of the machine, none of which is opened. */
function mapIds(): ReadonlySet<number> {
  const ids = new Set<number>();
  const next = new Uint32Array(1);
  while (nextMapId(next[0]!, new Uint8Array(next.buffer)) === 0) ids.add(next[0]!);
  return ids;
}

type Kind = "program" | "map" | "link";

export class Made {
  readonly #kernel: Kernel;
  /** Such as `program 17`, each with whether it is there. */
  readonly #known = new Map<string, (maps: ReadonlySet<number>) => boolean>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** The kernel again, whose programs, maps and links are noted as they are made. */
  noting(kernel: Kernel): Kernel {
    const noted = (kind: Kind, fd: Fd): Fd => {
      this.#note(kind, fd.number);
      return fd;
    };
    const opened = (object: BpfObject): BpfObject => ({
      ...object,
      load: (options) => {
        object.load(options);
        for (const map of object.maps) this.#note("map", map.fd());
        for (const program of object.programs) this.#noteIfLoaded(() => program.fd());
      },
    });
    return {
      ...kernel,
      openObject: (elf, name) => opened(kernel.openObject(elf, name)),
      loadProgram: (program) => noted("program", kernel.loadProgram(program)),
      createMap: (map) => noted("map", kernel.createMap(map)),
      linkXdp: (program, ifindex, mode) => noted("link", kernel.linkXdp(program, ifindex, mode)),
      linkExtension: (program, target, btfId) => noted("link", kernel.linkExtension(program, target, btfId)),
    };
  }

  /** Notes a program that others have loaded, and its maps. */
  noteProgram(program: number): void {
    this.#note("program", program);
    for (const id of this.#kernel.programInfo(program).mapIds) {
      using map = this.#kernel.mapById(id);
      this.#note("map", map.number);
    }
  }

  /** What the kernel still has. It frees a little later than the last of its users goes. */
  alive(): readonly string[] {
    const maps = mapIds();
    return [...this.#known].flatMap(([name, isThere]) => (isThere(maps) ? [name] : []));
  }

  /** libbpf has no fd of what it was told to leave out. */
  #noteIfLoaded(fd: () => number): void {
    let number;
    try {
      number = fd();
    } catch {
      return;
    }
    this.#note("program", number);
  }

  #note(kind: Kind, fd: number): void {
    const kernel = this.#kernel;
    switch (kind) {
      case "program": {
        const { id, name } = kernel.programInfo(fd);
        return void this.#known.set(`program ${id} (${name})`, () => opens(() => kernel.programById(id)));
      }
      case "map": {
        const { id, name, type } = kernel.mapInfo(fd);
        const open = (): boolean => opens(() => kernel.mapById(id));
        return void this.#known.set(`map ${id} (${name})`, type === PROG_ARRAY ? (maps) => maps.has(id) : open);
      }
      case "link": {
        const { id } = kernel.linkInfo(fd);
        return void this.#known.set(`link ${id}`, () => opens(() => kernel.linkById(id)));
      }
    }
  }
}

function opens(open: () => Fd): boolean {
  try {
    open().close();
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EAGAIN")) return false;
    throw error;
  }
}
