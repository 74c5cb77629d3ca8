/** The health command of a chain, as it is declared: what decides after a swap whether the swap stays. Nothing here runs it. */

export interface Health {
  /** A program and its arguments; or one text, which is a line for `sh`. Status 0 means that all is well. */
  readonly command: string | readonly string[];
  /** The time that it has, `500ms`, `10s` or `2m`. Default 10s. */
  readonly within?: string;
  /** The folder in which it runs. Default that of this process; a chain.yaml's own, where the chain was read from one. */
  readonly folder?: string;
}

const UNITS = { ms: 1, s: 1000, m: 60_000 } as const;
export const WITHIN = /^([1-9]\d{0,5})(ms|s|m)$/;
export const MAX_WITHIN_MS = 10 * UNITS.m;
export const DEFAULT_WITHIN = "10s";

/** Milliseconds; NaN for what is no such time. */
export function withinMs(within: string): number {
  const [, number, unit] = WITHIN.exec(within) ?? [];
  return Number(number) * UNITS[(unit ?? "ms") as keyof typeof UNITS];
}

/** The command as one line, for messages. */
export function commandLineOf({ command }: Health): string {
  if (typeof command === "string") return command;
  return command.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
