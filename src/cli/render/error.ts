/** An error as a person wants to read it: mistakes of a file in their places, anything else in a sentence. */
import { formatDiagnostics, Mistakes } from "../../diagnostic.ts";
import type { XdpgenError } from "../../errors.ts";
import { style } from "./style.ts";

/** Ends with a line feed. */
export function renderError({ cause, message }: XdpgenError, color: boolean): string {
  if (cause instanceof Mistakes) return formatDiagnostics(cause.diagnostics, cause.text, cause.file, { color });
  return `${style(color).red("error:")} ${message}\n`;
}
