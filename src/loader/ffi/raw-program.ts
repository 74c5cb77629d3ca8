/** Programs given as bytes, without an object (bpf_prog_load): loaded, or only shown to the verifier. */
import { type Fd, KernelError, type RawProgram, type Verification } from "../machine/kernel.ts";
import { checkFd } from "./check.ts";
import * as K from "./constants.ts";
import { addressOf, holding } from "./declare.ts";
import { libbpf } from "./libbpf.ts";
import { progLoadOpts, SIZEOF_FUNC_INFO } from "./structs.ts";

/** The largest log that every kernel takes (bpf_verifier_log_attr_valid), which is what libbpf asks for too. */
const LOG_BYTES = (1 << 24) - 1;

/** One for all loads, since they come one after the other. Pages that are never written cost nothing, hence allocUnsafe. */
let log: Buffer | undefined;

/** @throws KernelError whose `log` is the verifier's */
export function loadProgram(program: RawProgram): Fd {
  return load(program, K.BPF_LOG_LEVEL1);
}

export function verify(program: RawProgram): Verification {
  try {
    load(program, K.BPF_LOG_LEVEL2).close();
    return { log: takeLog(), refusal: undefined };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { log: error.log, refusal: error };
  }
}

function load(program: RawProgram, logLevel: number): Fd {
  log ??= Buffer.allocUnsafe(LOG_BYTES);
  // Nothing is written where the verifier is not reached.
  log[0] = 0;
  const funcInfo = program.funcInfo && Uint8Array.from(program.funcInfo);
  const fdArray = program.fdArray && new Uint8Array(Int32Array.from(program.fdArray).buffer);
  const opts = progLoadOpts({
    expectedAttachType: program.type === "xdp" && program.attachType !== "none" ? K.BPF_XDP : 0,
    flags: program.frags === true ? K.BPF_F_XDP_HAS_FRAGS : 0,
    btf: program.btf ?? 0,
    attachBtfId: program.target?.btfId ?? 0,
    attachProgFd: program.target?.program ?? 0,
    fdArray: fdArray ? addressOf(fdArray) : 0n,
    funcInfo: funcInfo ? addressOf(funcInfo) : 0n,
    funcInfoCount: (funcInfo?.length ?? 0) / SIZEOF_FUNC_INFO,
    logLevel,
    log: addressOf(log),
    logSize: LOG_BYTES,
  });
  const type = program.type === "xdp" ? K.BPF_PROG_TYPE_XDP : K.BPF_PROG_TYPE_EXT;
  const { name, instructions } = program;
  const lib = libbpf();
  const returned = holding([funcInfo, fdArray], () =>
    lib.bpf_prog_load(type, name, "GPL", instructions, instructions.length / 8, opts),
  );
  try {
    return checkFd("bpf_prog_load", returned);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new KernelError(error.call, error.errno, error.errnoName, takeLog());
  }
}

const takeLog = (): string => (log ? log.toString("utf8", 0, log.indexOf(0)) : "");
