/**
 * The kernel through libbpf and libc. This folder is the only one that imports koffi and the only one with C names; what
 * goes out is the `Kernel` of ../kernel.ts. Every return value passes through `check`.
 */
import { readlinkSync } from "node:fs";
import type { Mode } from "../../chain/chain.ts";
import type { Kernel, TestRunOptions, TestRunResult } from "../machine/kernel.ts";
import { isErrno } from "../machine/kernel.ts";
import { check, checkFd } from "./check.ts";
import * as K from "./constants.ts";
import { addressOf } from "./declare.ts";
import { btfBytes, linkInfo, mapInfo, programCode, programFunctions, programInfo, programMemory } from "./info.ts";
import { libbpf } from "./libbpf.ts";
import { flock, if_indextoname, if_nametoindex, mount, setns, syscall } from "./libc.ts";
import { openObject } from "./object.ts";
import { loadProgram, verify } from "./raw-program.ts";
import * as S from "./structs.ts";

const XDP_FLAGS: Readonly<Record<Mode, number>> = { native: K.XDP_FLAGS_DRV_MODE, generic: K.XDP_FLAGS_SKB_MODE };

let opened: Kernel | undefined;

/**
 * The kernel of this machine, one and the same for the whole process: what was found out about it is kept with it.
 * @throws XdpgenError `environment` where libbpf is missing
 */
export function openKernel(): Kernel {
  return (opened ??= throughLibbpf());
}

function throughLibbpf(): Kernel {
  const lib = libbpf();
  return {
    libbpfVersion: lib.libbpf_version_string().replace(/^v/, ""),
    openObject: (elf, name) => openObject(elf, name),
    loadBtf: (btf) => checkFd("bpf_btf_load", lib.bpf_btf_load(btf, btf.length, null)),
    loadProgram,
    createMap: ({ type, name, keySize, valueSize, maxEntries }) =>
      checkFd("bpf_map_create", lib.bpf_map_create(type, name, keySize, valueSize, maxEntries, null)),
    verify,

    isProgram: (fd) => isOf("bpf-prog", fd),
    isMap: (fd) => isOf("bpf-map", fd),
    // kernel/bpf/syscall.c: the one where it is made, the other where it is opened.
    isLink: (fd) => isOf("bpf_link", fd) || isOf("bpf-link", fd),
    programInfo,
    programCode,
    programFunctions,
    programMemory,
    programTypeName: (type) => lib.libbpf_bpf_prog_type_str(type) ?? `type ${type}`,
    btfBytes,
    mapInfo,
    linkInfo,
    programById: (id) => checkFd("bpf_prog_get_fd_by_id", lib.bpf_prog_get_fd_by_id(id)),
    mapById: (id) => checkFd("bpf_map_get_fd_by_id", lib.bpf_map_get_fd_by_id(id)),
    btfById: (id) => checkFd("bpf_btf_get_fd_by_id", lib.bpf_btf_get_fd_by_id(id)),
    linkById: (id) => checkFd("bpf_link_get_fd_by_id", lib.bpf_link_get_fd_by_id(id)),
    nextLinkId(id) {
      const next = new Uint32Array(1);
      try {
        check("bpf_link_get_next_id", lib.bpf_link_get_next_id(id, new Uint8Array(next.buffer)));
      } catch (error) {
        if (isErrno(error, "ENOENT")) return undefined;
        throw error;
      }
      return next[0];
    },
    lookup(map, key, valueSize) {
      const value = new Uint8Array(valueSize);
      check("bpf_map_lookup_elem", lib.bpf_map_lookup_elem(map, key, value));
      return value;
    },
    update: (map, key, value) => void check("bpf_map_update_elem", lib.bpf_map_update_elem(map, key, value, 0)),

    pin: (fd, path) => void check("bpf_obj_pin", lib.bpf_obj_pin(fd, path)),
    openPin: (path) => checkFd("bpf_obj_get", lib.bpf_obj_get(path)),

    linkXdp: (program, ifindex, mode) =>
      checkFd(
        "bpf_link_create",
        lib.bpf_link_create(program, ifindex, K.BPF_XDP, S.linkCreateOpts(XDP_FLAGS[mode], 0)),
      ),
    linkExtension: (extension, target, btfId) =>
      checkFd("bpf_link_create", lib.bpf_link_create(extension, target, 0, S.linkCreateOpts(0, btfId))),
    updateLink: (link, next, expected) =>
      void check("bpf_link_update", lib.bpf_link_update(link, next, S.linkUpdateOpts(K.BPF_F_REPLACE, expected))),
    detachLink: (link) => void check("bpf_link_detach", lib.bpf_link_detach(link)),
    queryXdp(ifindex) {
      const opts = S.xdpQueryOpts();
      check("bpf_xdp_query", lib.bpf_xdp_query(ifindex, 0, opts));
      return S.decodeXdpQuery(opts);
    },
    attachXdp(ifindex, program, mode) {
      const flags = XDP_FLAGS[mode] | K.XDP_FLAGS_UPDATE_IF_NOEXIST;
      check("bpf_xdp_attach", lib.bpf_xdp_attach(ifindex, program, flags, null));
    },
    detachXdp: (ifindex, mode, expected) =>
      void check("bpf_xdp_detach", lib.bpf_xdp_detach(ifindex, XDP_FLAGS[mode], S.xdpAttachOpts(expected))),

    waitForPackets,
    testRun,
    interfaceIndex: (name) => unlessNone(() => check("if_nametoindex", if_nametoindex(name) || -1)) ?? 0,
    interfaceName: (index) =>
      unlessNone(() => {
        const name = new Uint8Array(K.IFNAMSIZ);
        check("if_indextoname", if_indextoname(index, name));
        return S.text(name, 0, name.length);
      }),
    enterNetwork: (namespace) => void check("setns", setns(namespace, K.CLONE_NEWNET)),
    tryLock(fd, kind) {
      try {
        check("flock", flock(fd, (kind === "shared" ? K.LOCK_SH : K.LOCK_EX) | K.LOCK_NB));
        return true;
      } catch (error) {
        if (isErrno(error, "EAGAIN", "EWOULDBLOCK")) return false;
        throw error;
      }
    },
    mountBpffs: (path) => void check("mount", mount("bpf", path, "bpf", 0, null)),
  };
}

/** libc asks through a socket, for which there may be no room: only these two errnos say that there is no such interface. */
function unlessNone<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (isErrno(error, "ENODEV", "ENXIO")) return undefined;
    throw error;
  }
}

/** @param kind as the kernel names files of its own that are in no file system (`anon_inode:bpf-map`) */
function isOf(kind: string, fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === `anon_inode:${kind}`;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/** Where membarrier is missing or off (nohz_full): far longer than a packet stays in a program. */
const LONGEST_PACKET_MS = 200;

/** membarrier(2) with CMD_GLOBAL is synchronize_rcu() for user space (kernel/sched/membarrier.c). */
function waitForPackets(): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, returned: number): void => {
      if (error) reject(error);
      else if (returned < 0) setTimeout(resolve, LONGEST_PACKET_MS);
      else resolve();
    };
    syscall.async(K.SYS_membarrier, K.MEMBARRIER_CMD_GLOBAL, 0, 0, done);
  });
}

/** Room for a frame that the program made longer: by less than a page, of which the largest has 64 KiB (arm64). */
const GROWTH = 65_536;

function testRun(program: number, options: TestRunOptions): Promise<TestRunResult> {
  const live = options.liveFrames === true;
  const dataIn = Uint8Array.from(options.data);
  const dataOut = new Uint8Array(live ? 0 : dataIn.length + GROWTH);
  const context = options.context && Uint8Array.from(options.context);
  const opts = S.testRunOpts({
    dataIn: addressOf(dataIn),
    dataInSize: dataIn.length,
    dataOut: live ? 0n : addressOf(dataOut),
    dataOutSize: dataOut.length,
    ctxIn: context ? addressOf(context) : 0n,
    ctxInSize: context?.length ?? 0,
    repeat: options.repeat ?? 1,
    flags: live ? K.BPF_F_TEST_XDP_LIVE_FRAMES : 0,
    batchSize: options.batchSize ?? 0,
  });
  return new Promise((resolve, reject) => {
    // The closure keeps the buffers alive until the worker thread is done with them.
    const done = (error: unknown, returned: number): void => {
      if (error) return reject(error);
      if (returned < 0) {
        try {
          check("bpf_prog_test_run_opts", returned, -returned);
        } catch (failure) {
          return reject(failure);
        }
      }
      const result = S.decodeTestRun(opts);
      const { retval, duration, dataOutSize } = result;
      void [dataIn, context];
      resolve({ retval, duration, dataOut: dataOut.slice(0, live ? 0 : dataOutSize) });
    };
    libbpf().bpf_prog_test_run_opts.async(program, opts, done);
  });
}
