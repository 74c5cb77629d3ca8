/**
 * The transaction: an interface goes from what runs to a declared chain, whole or not at all.
 *
 *     lock -> read the live state, clear leftovers -> nothing to do? -> build the next generation whole
 *          -> run the chain's checks -> one bpf_link_update that names the program it expects -> unpin what nothing uses
 *
 * A failure before the update takes back what was pinned and changes nothing. A crash at any instant leaves the old or the
 * new generation whole; the next command clears the rest.
 */
import { rmdirSync } from "node:fs";
import { type Chain, isLinked, type Linkage, type Mode } from "../chain/chain.ts";
import type { DispatcherImage, Manifest } from "../codegen/index.ts";
import { XdpgenError } from "../errors.ts";
import { requireChecks } from "./checks.ts";
import { difference, isNone } from "./difference.ts";
import { explain } from "./explain.ts";
import { firstThatFits, type Images, imagesOf, imageThat } from "./fit.ts";
import { buildGeneration, type Generation } from "./generation.ts";
import { createLink, requireFree, takeOver } from "./hook.ts";
import { interfaceGone, requireInterface } from "./interface.ts";
import { isErrno, type Kernel } from "./kernel.ts";
import { movedAway, type PinnedLink } from "./live.ts";
import { type LoadedPrograms, openLoaded } from "./loaded.ts";
import { withLock } from "./lock.ts";
import type { Machine } from "./machine.ts";
import { clearLeftovers, type Predecessor, recover, slotsBound, sweep } from "./recovery.ts";
import { replacedPrograms, replaceProgram } from "./replacement.ts";
import { resolveChain } from "./source.ts";
import { attachmentDir, type Journal, linkPin, openJournal } from "./store.ts";

export interface SwapOptions {
  /** Overrides the chain's mode. */
  readonly mode?: Mode | "auto";
  /** Overrides the chain's linkage; a program's own stays. */
  readonly linkage?: Linkage | "auto";
  /** Take the interface over from a program that is not xdpgen's. */
  readonly replace?: boolean;
  /** Milliseconds to wait for another writer; default 10000. */
  readonly lockTimeout?: number;
  /** Told, in a sentence each, what a user should know of and no error says. */
  readonly report?: (message: string) => void;
}

export interface SwapResult {
  /** `replaced`: the dispatcher runs on, and one of its slots holds another loaded program. */
  readonly outcome: "created" | "swapped" | "replaced" | "unchanged";
  readonly generation: number;
  readonly mode: Mode;
  readonly image: DispatcherImage;
}

/** Makes `device` run `chain`. See `attach` for the errors. */
export async function swap(
  machine: Machine,
  chain: Chain,
  device: string,
  options: SwapOptions = {},
): Promise<SwapResult> {
  const { kernel } = machine;
  const report = options.report ?? ((): void => {});
  const ifindex = requireInterface(kernel, device);
  const declared = { ...chain, mode: options.mode ?? chain.mode, linkage: options.linkage ?? chain.linkage };
  using loaded = openLoaded(kernel, await resolveChain(declared));
  const images = imagesOf(kernel, loaded.chain);
  const what = `attach chain ${chain.name} to ${device}`;
  const { mode } = declared;
  try {
    sweep(machine, report);
    const dir = attachmentDir(machine, ifindex);
    return await withLock(kernel, dir, options.lockTimeout, async () => {
      try {
        return await swapLocked(kernel, dir, images, {
          ...options,
          what,
          report,
          loaded,
          mode,
          device,
          ifindex,
        });
      } catch (error) {
        removeIfEmpty(dir);
        throw error;
      }
    });
  } catch (error) {
    throw explain(error, what, device);
  }
}

interface Target extends SwapOptions {
  /** The attempt, for messages. */
  readonly what: string;
  readonly report: (message: string) => void;
  readonly loaded: LoadedPrograms;
  readonly mode: Mode | "auto";
  readonly device: string;
  readonly ifindex: number;
}

async function swapLocked(kernel: Kernel, dir: string, images: Images, target: Target): Promise<SwapResult> {
  const { device, ifindex } = target;
  using before = recover(kernel, dir, target);
  const { pinned } = before;
  const mode = pinned?.place.kind === "here" ? pinned.place.mode : undefined;
  if (!mode && !target.replace) requireFree(kernel, device, ifindex);
  if (mode && target.mode !== "auto" && target.mode !== mode) throw wrongMode(device, mode, target.mode);
  const running = mode && pinned?.identity;
  if (running && slotsBound(dir, running)) {
    const image = imageThat(images, (manifest) => isNone(difference(running.manifest, manifest)));
    const replaced = image && replacedPrograms(kernel, dir, running, target.loaded);
    if (replaced && replaced.size <= 1) {
      const [name] = replaced.keys();
      // Of several at once a packet could meet one old and one new: they take a new dispatcher.
      if (name !== undefined) await replaceProgram(kernel, dir, running, image, target.loaded, name, target.what);
      const outcome = name === undefined ? "unchanged" : "replaced";
      return { outcome, generation: running.generation, mode, image };
    }
  }
  return await firstThatFits(images, (image) => exchange(kernel, dir, before, mode, image, target));
}

/** Builds the next generation and puts it in the place of what runs, or takes every step back. */
async function exchange(
  kernel: Kernel,
  dir: string,
  before: Predecessor,
  mode: Mode | undefined,
  image: DispatcherImage,
  target: Target,
): Promise<SwapResult> {
  const { report } = target;
  const { pinned, identity } = before;
  const generation = (identity?.generation ?? 0) + 1;
  const journal = openJournal(kernel);
  let made: Mode;
  try {
    using next = buildGeneration(kernel, dir, identity?.manifest, image, target.loaded, generation, journal, report);
    await requireChecks(kernel, target.loaded, image, next.dispatcher, target.what);
    if (pinned && mode) {
      updateLink(kernel, pinned, next, target);
      made = mode;
    } else {
      made = newLink(kernel, dir, pinned, next, journal, target);
    }
  } catch (error) {
    for (const failure of journal.undo()) report(`could not take a step back (${failure}); the next command clears it`);
    throw error;
  }
  await cleanUp(kernel, dir, before, image.manifest, generation, target);
  return { outcome: mode ? "swapped" : "created", generation, mode: made, image };
}

/**
 * The swap itself: from this call's return on, no packet enters the old dispatcher. It is the same where somebody put a
 * program of their own on our link, and takes that off without an instant between.
 */
function updateLink(kernel: Kernel, old: PinnedLink, next: Generation, { device, ifindex, report }: Target): void {
  const { id, name } = old.programInfo;
  try {
    kernel.updateLink(old.link.number, next.dispatcher, old.program.number);
  } catch (cause) {
    if (isErrno(cause, "ENOLINK") && kernel.interfaceIndex(device) !== ifindex) throw interfaceGone(device, cause);
    if (!isErrno(cause, "EPERM", "ENOLINK")) throw cause;
    throw new XdpgenError(
      "conflict",
      `${device}: another process replaced or detached the dispatcher (program ${id}) in the middle of ` +
        "this swap, without the lock; nothing was changed here: look at `xdpgen status` and try again",
      { cause },
    );
  }
  if (!old.identity) report(`took xdpgen's link on ${device} back from program ${id} (${name})`);
}

/**
 * The first link, or one in place of `old`, which is defunct or on another interface. Until all is done `old` is held by its
 * fd, so that a failure can pin it again.
 */
function newLink(
  kernel: Kernel,
  dir: string,
  old: PinnedLink | undefined,
  next: Generation,
  journal: Journal,
  target: Target,
): Mode {
  const { device, ifindex, report } = target;
  using taken = target.replace ? takeOver(kernel, device, ifindex) : undefined;
  let made: Mode;
  try {
    const created = createLink(kernel, next.dispatcher, device, ifindex, target.mode, report, taken?.restore);
    // Until it is pinned the link lives by its fd: a crash here detaches it.
    using link = created.link;
    if (old) journal.unpin(old.link.number, linkPin(dir));
    journal.pin(link.number, linkPin(dir));
    made = created.mode;
  } catch (error) {
    throw explain(error, target.what, device, taken?.restore());
  }
  taken?.said.forEach(report);
  return made;
}

/** The swap is done: what fails here is said, and left to the next command. */
async function cleanUp(
  kernel: Kernel,
  dir: string,
  { pinned, identity }: Predecessor,
  manifest: Manifest,
  generation: number,
  { ifindex, report }: Target,
): Promise<void> {
  try {
    if (pinned?.place.kind === "elsewhere") {
      kernel.detachLink(pinned.link.number);
      report(`${movedAway(pinned, dir, ifindex)}: took it off there`);
    }
    // An unbound slot would say "no verdict" to a packet that is still in the old dispatcher.
    if (identity?.manifest.programs.some((p) => !isLinked(p.linkage))) await kernel.waitForPackets();
    clearLeftovers(dir, manifest, generation);
  } catch (error) {
    report(
      `generation ${generation} is live; the pins of the one before could not be removed (${(error as Error).message}); the next command tries again`,
    );
  }
}

function wrongMode(device: string, is: Mode, wanted: Mode): XdpgenError {
  return new XdpgenError(
    "environment",
    `${device} runs its chain in ${is} mode, and the mode of a link cannot be changed: to change to ${wanted} mode, run ` +
      "`xdpgen detach` and apply again; in between packets meet no program",
  );
}

/** For the error that is on its way: what cannot be removed is cleared by the next command. */
function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Not empty: an attachment is there.
  }
}
