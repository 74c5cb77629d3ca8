/**
 * What the kernel says of what it holds (BPF_OBJ_GET_INFO_BY_FD). In: an fd. Out: the part of its info struct that is used.
 *
 * Where the struct points to arrays there are two calls: the first tells how long they are, the second fills them. Of map ids
 * and of functions there are few, and one call does.
 */
import { readFileSync } from "node:fs";
import type { FunctionInfo, LinkInfo, MapInfo, ProgramCode, ProgramInfo } from "../machine/kernel.ts";
import { check } from "./check.ts";
import { addressOf, holding } from "./declare.ts";
import { libbpf } from "./libbpf.ts";
import * as S from "./structs.ts";

/** Fills `bytes`, the struct, as far as both sides know it. */
function info(fd: number, bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(new Uint32Array([bytes.length]).buffer);
  check("bpf_obj_get_info_by_fd", libbpf().bpf_obj_get_info_by_fd(fd, bytes, length));
  return bytes;
}

export const mapInfo = (map: number): MapInfo => S.decodeMapInfo(info(map, new Uint8Array(S.SIZEOF_MAP_INFO)));
export const linkInfo = (link: number): LinkInfo => S.decodeLinkInfo(info(link, new Uint8Array(S.SIZEOF_LINK_INFO)));

/** How many maps a program can use (kernel/bpf/verifier.c, MAX_USED_MAPS); more can be bound to it. */
const USUAL_MAPS = 64;

export function programInfo(program: number): ProgramInfo {
  for (let room = USUAL_MAPS; ;) {
    const ids = new Uint32Array(room);
    const bytes = holding([ids], () =>
      info(program, S.progInfoWithMapIds(room, addressOf(new Uint8Array(ids.buffer)))),
    );
    const count = S.progInfoMapCount(bytes);
    if (count <= room) return S.decodeProgInfo(bytes, [...ids.subarray(0, count)]);
    room = count;
  }
}

/** Nothing but fdinfo has it (kernel/bpf/syscall.c, bpf_prog_show_fdinfo). */
export function programMemory(program: number): number {
  return Number(/^memlock:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${program}`, "utf8"))?.[1]);
}

export function programCode(program: number): ProgramCode {
  const sizes = S.progInfoCodeSizes(info(program, new Uint8Array(S.SIZEOF_PROG_INFO)));
  const xlated = new Uint8Array(sizes.xlatedLength);
  const funcInfo = new Uint8Array(sizes.funcInfoCount * S.SIZEOF_FUNC_INFO);
  const lineInfo = new Uint8Array(sizes.lineInfoCount * S.SIZEOF_LINE_INFO);
  const bytes = holding([xlated, funcInfo, lineInfo], () => {
    const at = { xlated: addressOf(xlated), funcInfo: addressOf(funcInfo), lineInfo: addressOf(lineInfo) };
    return info(program, S.progInfoWithCode({ ...sizes, ...at }));
  });
  return S.decodeProgCode(bytes, { xlated, funcInfo, lineInfo });
}

/** Of one program (include/linux/bpf_verifier.h, BPF_MAX_SUBPROGS). */
const MOST_FUNCTIONS = 256;

export function programFunctions(program: number): readonly FunctionInfo[] {
  const found = new Uint8Array(MOST_FUNCTIONS * S.SIZEOF_FUNC_INFO);
  const bytes = holding([found], () => info(program, S.progInfoWithFunctions(MOST_FUNCTIONS, addressOf(found))));
  return S.decodeFunctions(found.subarray(0, S.progInfoCodeSizes(bytes).funcInfoCount * S.SIZEOF_FUNC_INFO));
}

export function btfBytes(btf: number): Uint8Array {
  const bytes = new Uint8Array(S.btfInfoSize(info(btf, new Uint8Array(S.SIZEOF_BTF_INFO))));
  holding([bytes], () => info(btf, S.btfInfo(addressOf(bytes), bytes.length)));
  return bytes;
}
