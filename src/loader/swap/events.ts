/**
 * What a swap tells while it goes on: each step as it begins and ends, what it waits for, what it does again, and what a user
 * should know and no error says.
 */
import type { Holder } from "../machine/lock.ts";

/**
 * In their order. Nothing that packets meet changes before `commit`, and whatever was made is taken back. `clear` comes last
 * and takes away what nothing uses any more; `undo` comes in its place when a step has failed.
 */
export const SWAP_STEPS = [
  /** Read the programs' objects, synthesise the dispatcher. */
  "synthesise",
  /** Wait for other writers of these interfaces. */
  "lock",
  /** What runs, from the kernel; what a crash has left is cleared. */
  "read",
  /** An extension or the dispatcher goes through the verifier. */
  "load",
  /** Extensions into their slots; everything is pinned. */
  "bind",
  /** One check of the chain. */
  "check",
  /** The swap itself: `bpf_link_update` with the expected program, the first link, or another program in a slot. Or a detach. */
  "commit",
  /** The chain's health command, with the next generation live. */
  "health",
  "clear",
  "undo",
] as const;
export type SwapStep = (typeof SWAP_STEPS)[number];

/** A step, and what it is about. */
export interface SwapWork {
  readonly step: SwapStep;
  readonly interfaces: readonly string[];
  /** Which of several: a program, the dispatcher, a check. */
  readonly of?: string;
}

export type SwapEvent =
  | ({ readonly kind: "begin" } & SwapWork)
  /** Milliseconds by a monotonic clock. */
  | ({ readonly kind: "end"; readonly milliseconds: number } & SwapWork)
  | ({ readonly kind: "failed"; readonly milliseconds: number } & SwapWork)
  /** Another process has the lock. Told once for each that has it. */
  | { readonly kind: "waiting"; readonly interface: string; readonly holder: Holder | undefined }
  /**
   * Somebody changed the link in the middle, without the lock, or pinned something at a path that the chain declares: the swap, or
   * the rollback, begins again with what is there now.
   */
  | { readonly kind: "again"; readonly interface: string; readonly pin?: string; readonly attempt: number }
  | { readonly kind: "notice"; readonly message: string };

/**
 * What it throws is thrown outside of the swap, as with an EventTarget, and not before that is done: no listener can leave a swap
 * half done, though it end the process.
 */
export type SwapListener = (event: SwapEvent) => void;

/** A listener that gets in nobody's way. Where nobody listens, nothing is told. */
export interface Listening extends Disposable {
  readonly emit: SwapListener;
  readonly notice: (message: string) => void;
}

/** What the listener throws is kept until it is disposed of, and thrown outside then. */
export function listen(events: SwapListener | undefined): Listening {
  const thrown: unknown[] = [];
  const emit = (event: SwapEvent): void => {
    try {
      events?.(event);
    } catch (error) {
      thrown.push(error);
    }
  };
  const rethrow = (error: unknown): void =>
    process.nextTick(() => {
      throw error;
    });
  return {
    emit,
    notice: (message) => emit({ kind: "notice", message }),
    [Symbol.dispose]: () => thrown.splice(0).forEach(rethrow),
  };
}
