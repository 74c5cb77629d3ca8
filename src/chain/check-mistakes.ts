/** What is wrong with the checks of a chain beyond the shape of each key. */
import { Mistakes } from "../diagnostic.ts";
import { XdpgenError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { parsePacket } from "../packets/index.ts";
import { isCapture, UNCHANGED } from "./check.ts";
import type { Mistake, Path } from "./mistake.ts";
import type { Parts } from "./parts.ts";

export function checkMistakes({ checks, programs, named }: Parts): readonly Mistake[] {
  const names = programs.flatMap(({ name = [] }) => name);
  return checks.flatMap((check, index) => {
    if (!check) return [];
    const at = (...path: Path): Path => ["checks", index, ...path];
    const mistakes: Mistake[] = [];
    const add = (code: Mistake["code"], path: Path, message: string, hint?: string): void => {
      mistakes.push({ code, path, at: "value", message, ...(hint !== undefined && { hint }) });
    };
    const first = checks.findIndex((other) => other?.name === check.name);
    if (first < index) {
      const other = { path: ["checks", first, "name"], at: "value", message: "the first one is here" } as const;
      const message = `two checks are named \`${check.name}\``;
      mistakes.push({ code: "equal-names", path: at("name"), at: "value", message, other });
    }
    for (const key of ["packet", "packet-after"] as const) {
      const text = check[key];
      if (text === undefined || isCapture(text) || (key === "packet-after" && text === UNCHANGED)) continue;
      const found = packetMistakes(text);
      if (found !== undefined) add("bad-value", at(key), `\`${key}\` of check \`${check.name}\`: ${found}`);
    }
    if (check.frames !== undefined && !isCapture(check.packet))
      add("contradiction", at("frames"), `check \`${check.name}\` has one frame, so there are none to choose`);
    if (check.frames !== undefined && !sensible(check.frames))
      add("bad-value", at("frames"), `\`frames\` of check \`${check.name}\` must go up from 1`);
    if (!isCapture(check.packet) && check.expect.length > 1)
      add("contradiction", at("expect"), `check \`${check.name}\` has one frame and ${check.expect.length} verdicts`);
    if (check.path && check.maps === "live") {
      const message = `check \`${check.name}\` has a \`path\`, which is seen on a copy only, and \`maps: live\``;
      add("contradiction", at("path"), message, "make two checks of it");
    }
    for (const [item, name] of (check.path ?? []).entries()) {
      if (names.includes(name) || !named) continue;
      const near = nearest(name, names);
      const hint = near ? `did you mean \`${near}\`?` : `its programs: ${names.join(", ")}`;
      add("bad-reference", at("path", item), `the chain has no program \`${name}\``, hint);
    }
    return mistakes;
  });
}

/** All that is wrong with a packet, in a line: it is one value, and has one place. */
function packetMistakes(text: string): string | undefined {
  try {
    parsePacket(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof XdpgenError && error.cause instanceof Mistakes)) throw error;
    return error.cause.diagnostics.map(({ message, hint }) => `${message}${hint ? ` (${hint})` : ""}`).join("; ");
  }
}

function sensible(frames: string): boolean {
  const [first, last = first] = frames.split("-").map(Number) as [number, number?];
  return first >= 1 && first <= last;
}
