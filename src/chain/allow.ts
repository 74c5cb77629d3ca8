/** Warnings about chains by name, and how a chain silences one: in place, with a reason. */

/**
 * What `src/codegen/lint` warns of:
 *
 *     never-runs          no code that a program can return leads to this program
 *     runs-on-31-only     only "no verdict of mine" leads to this program
 *     verdict-unused      what this program returns makes no difference
 *     redirect-replaced   REDIRECT goes on to a program that redirects as well
 *     drop-becomes-pass   DROP goes on, and the chain can let the packet through
 *     kept-for-nobody     an edge keeps a verdict, and nothing behind it asks for one
 *     edge-never-taken    the program cannot return what takes this edge
 *     edge-says-default   an edge that says what `default` says
 *     order-says-nothing  `before` or `after` where declared priorities, or another of these, say so already
 *     inlined-loop        a program with a loop is declared `inline`, and the verifier walks it on every way to it
 */
export const WARNINGS = [
  "never-runs",
  "runs-on-31-only",
  "verdict-unused",
  "redirect-replaced",
  "drop-becomes-pass",
  "kept-for-nobody",
  "edge-never-taken",
  "edge-says-default",
  "order-says-nothing",
  "inlined-loop",
] as const;
export type WarningCode = (typeof WARNINGS)[number];

/** Warnings that are known and meant, each with the reason. */
export type Allow = Readonly<Partial<Record<WarningCode, string>>>;
