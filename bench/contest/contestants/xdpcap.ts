/** A hook behind each program: an array of programs, indexed by the action that it is about to return. */
import { actionCode, NO_VERDICT } from "../../../src/chain/index.ts";
import { openKernel } from "../../../src/loader/index.ts";
import { u32 } from "../../../test/support/samples.ts";
import { type Contestant, loadPlain, onlyLines, Owned } from "../contestant.ts";
import { asFunction, LICENSE, peer, sourcesOf } from "../sources.ts";

const MAX_LINKS = 34;

export const xdpcap: Contestant = {
  name: "xdpcap hooks",
  what: "An array of programs behind each program, indexed by its action, as xdpcap's hooks are: an indirect tail call",
  refusal: (work) =>
    work.programs > MAX_LINKS ? "a packet can make 33 tail calls, from 34 programs" : onlyLines(work),
  sources: (work) => sourcesOf(work).map((source) => [asFunction(source), peer("xdpcap"), LICENSE].join("\n")),
  load(work, objects) {
    const owned = new Owned();
    const sources = sourcesOf(work);
    const links = objects.map((bytes, k) => loadPlain(owned, bytes, sources[k]!.globals));
    for (const [k, link] of links.entries()) {
      const next = links[k + 1];
      if (next === undefined) continue;
      for (const code of [...work.proceedOn.map(actionCode), NO_VERDICT]) {
        openKernel().update(link.map("hook")!.fd(), u32(code), u32(next.programs[0]!.fd()));
      }
    }
    return { program: links[0]!.programs[0]!.fd(), [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};
