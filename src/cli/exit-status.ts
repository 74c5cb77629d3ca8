/** What each command's exit status says. `--help` shows it, and docs/commands.md is made of it. */

type Meanings = Readonly<Partial<Record<0 | 1 | 2 | 3, string>>> & { readonly cancelled?: string };

const WRONG = "the command line is wrong";
const WRONG_CHAIN = "the chain or the command line is wrong";
const CANCELLED = "cancelled by a hangup, by Ctrl-C, by kill";

const EXIT_STATUS = {
  build: { 0: "written", 1: "with --verify: this machine's kernel refused", 2: WRONG_CHAIN },
  graph: { 0: "drawn", 1: "with --dev: nothing of xdpgen's is there, or it cannot be read", 2: WRONG_CHAIN },
  plan: {
    0: "done; with --exit-code: nothing to change",
    1: "apply would refuse, or what runs cannot be read",
    2: WRONG_CHAIN,
    3: "with --exit-code: something would change",
  },
  test: { 0: "no check failed", 1: "a check failed, or the kernel refused", 2: WRONG_CHAIN },
  apply: {
    0: "every interface runs the chain",
    1: "the kernel, an interface, a check or the health command said no",
    2: WRONG_CHAIN,
    cancelled: `${CANCELLED}; what was there runs`,
  },
  watch: {
    0: "ended by Ctrl-C, kill or a hangup",
    1: "this machine lacks what every chain needs",
    2: WRONG,
  },
  status: { 0: "shown", 1: "nothing of xdpgen's is on the interface, or what runs cannot be read", 2: WRONG },
  rollback: {
    0: "every interface runs the kept generation",
    1: "it is not kept, or the kernel or an interface said no",
    2: WRONG,
    cancelled: CANCELLED,
  },
  detach: {
    0: "nothing of xdpgen's is there any more",
    1: "the kernel or an interface said no",
    2: WRONG,
    cancelled: `${CANCELLED}; what is left runs`,
  },
  trace: {
    0: "shown",
    1: "the kernel or an interface said no",
    2: "the chain, the capture or the command line is wrong",
  },
  doctor: { 0: "this machine runs chains", 1: "something is missing that a chain needs", 2: WRONG },
  asm: { 0: "written", 2: "the text or the command line is wrong" },
  disasm: { 0: "shown", 1: "with --id: the program cannot be read", 2: "the input or the command line is wrong" },
  schema: { 0: "printed", 2: WRONG },
  lint: { 0: "done; with --strict: no warning", 2: `${WRONG_CHAIN}; with --strict: a warning` },
} as const satisfies Readonly<Record<string, Meanings>>;

export type CommandName = keyof typeof EXIT_STATUS;

/** Statuses, as text, with what they say, in their order. */
export function exitStatuses(name: CommandName): readonly (readonly [string, string])[] {
  const { cancelled, ...numbers }: Meanings = EXIT_STATUS[name];
  const rows = Object.entries(numbers).map(([status, says]) => [status, says] as const);
  return cancelled === undefined ? rows : [...rows, ["129, 130, 143", cancelled] as const];
}
