/** Warnings about a chain, for people: in place where the chain was read from a file. */
import { type Chain, warningsIn } from "../../chain/index.ts";
import type { Warning } from "../../codegen/index.ts";
import { formatDiagnostics } from "../../diagnostic.ts";
import { type ColorChoice, useColor } from "../common.ts";
import type { Io } from "../io.ts";

/** Empty when there are none. */
export function formatWarnings(chain: Chain, warnings: readonly Warning[], color: boolean): string {
  if (!chain.source) return warnings.map(({ code, message }) => `warning: ${message} (${code})\n`).join("");
  const named = warnings.map((warning) => ({ ...warning, message: `${warning.message} (${warning.code})` }));
  return formatDiagnostics(warningsIn(chain.source, named), chain.source.text, chain.source.file, { color });
}

/** Says on stderr what of a chain may not be meant. */
export async function warn(io: Io, chain: Chain, color: ColorChoice): Promise<void> {
  const text = formatWarnings(chain, await io.library.lint(chain), useColor(color, io, io.err));
  if (text !== "") io.err.write(text);
}
