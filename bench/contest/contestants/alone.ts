/** The floor, and one program without anything around it. */
import { type Contestant, loadPlain, Owned } from "../contestant.ts";
import { sourcesOf } from "../sources.ts";

const EMPTY = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp") int xdp_empty(struct xdp_md *ctx) { return XDP_PASS; }
char _license[] SEC("license") = "GPL";
`;

/** It does no work, whatever the work is: what a run costs by itself. All figures are told above this one. */
export const empty: Contestant = {
  name: "no program",
  what: "A program that returns PASS: what a run costs by itself",
  idle: true,
  refusal: () => undefined,
  sources: () => [EMPTY],
  load(_, [bytes]) {
    const owned = new Owned();
    const program = loadPlain(owned, bytes!).programs[0]!.fd();
    return { program, [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};

export const alone: Contestant = {
  name: "one program",
  what: "The program itself on the hook, without a chain",
  refusal: ({ programs, counters }) => {
    if (programs > 1) return "it is one program";
    return counters ? "it does not count" : undefined;
  },
  sources: (work) => sourcesOf(work).map(({ text }) => text),
  load(work, [bytes]) {
    const owned = new Owned();
    const program = loadPlain(owned, bytes!, sourcesOf(work)[0]!.globals).programs[0]!.fd();
    return { program, [Symbol.dispose]: () => owned[Symbol.dispose]() };
  },
};
