/** `xdpgen plan` and what `apply` shows before it acts, over a library that says what there is. */
import { describe, expect, it } from "vitest";
import type { Library } from "../../../src/cli/library.ts";
import { renderPlan } from "../../../src/cli/render/plan.ts";
import { style } from "../../../src/cli/render/style.ts";
import { XdpgenError } from "../../../src/errors.ts";
import type { Preview, PreviewOptions, ProgramDifference, SwapResult } from "../../../src/loader/index.ts";
import { chain, image, nothingToChange, run } from "./fake.ts";

const program = (name: string, rest: Partial<ProgramDifference> = {}): ProgramDifference => ({
  name,
  kind: "unchanged",
  was: 1,
  order: 1,
  moved: false,
  program: {
    name,
    object: `${name}.bpf.o`,
    function: `xdp_${name}`,
    priority: 50,
    edges: {},
    linkage: "call",
    hash: "0",
  },
  changes: {},
  edges: [],
  maps: [],
  ...rest,
});

const base = program("ids").program;
const swap: Preview = {
  ...nothingToChange,
  outcome: "swapped",
  generation: 4,
  difference: {
    end: { from: "verdict", to: "drop" },
    counters: { from: false, to: true },
    code: true,
    unreachable: ["counter"],
    reachable: [],
    programs: [
      program("ids", {
        kind: "in",
        program: { ...base, edges: { pass: "counter", tx: "counter", "no-verdict": "counter" } },
        maps: [{ program: "ids", name: "flows", contents: "empty" }],
      }),
      program("counter", {
        kind: "changed",
        was: 1,
        order: 2,
        moved: true,
        changes: {
          hash: { from: "0", to: "1" },
          object: { from: "old.o", to: "new.o" },
          priority: { from: 10, to: 60 },
        },
        edges: [
          { outcome: "pass", from: "denylist", to: "return" },
          { outcome: "tx", from: "return", to: { to: "denylist", keep: "verdict" } },
          { outcome: "no-verdict", from: "denylist", to: "return" },
        ],
        maps: [
          { program: "counter", name: "totals", contents: "kept", id: 5 },
          { program: "counter", name: "section-bss", contents: "empty" },
        ],
      }),
      program("guard", { maps: [{ program: "guard", name: "seen", contents: "kept", id: 6 }] }),
      program("denylist", {
        kind: "out",
        maps: [{ program: "denylist", name: "denylist_v4", contents: "lost", id: 7 }],
      }),
    ],
  },
};

/** As with `history: 1`, where the third generation is to follow the second. */
const aged: Preview = {
  ...swap,
  difference: {
    ...swap.difference,
    programs: [
      program("denylist", {
        kind: "out",
        maps: [{ program: "denylist", name: "denylist_v4", contents: "held", id: 7 }],
      }),
    ],
  },
  forgotten: [
    { generation: 2, chain: "old", maps: [{ program: "ids", name: "flows", contents: "lost", id: 9 }] },
    { generation: 1, chain: "edge", maps: [] },
  ],
};

const text = (preview: Preview, columns = 100): string => renderPlan(preview, { columns, paint: style(false) });

describe("the picture of a difference", () => {
  it("says whose maps are and where, of a program that comes and of one that changes", () => {
    const pin = "/sys/fs/bpf/flows";
    const [come, change] = [program("come", { kind: "in" }), program("change")];
    const homes = { from: { old: { program: "ids" } }, to: { flows: { program: "change", pin } } };
    const programs = [
      { ...come, program: { ...come.program, homes: { flows: { program: "ids", pin } } } },
      { ...change, kind: "changed" as const, changes: { hash: { from: "a", to: "b" }, homes } },
    ];
    const shown = text({ ...swap, difference: { ...swap.difference, programs } });
    expect(shown).toContain(`      map flows: that of ids, at ${pin}\n`);
    expect(shown).toContain("      map old: that of ids -> its own\n");
    expect(shown).toContain(`      map flows: its own -> its own, at ${pin}\n`);
    expect(shown).not.toContain("object or globals");
  });

  it("says what stays for rollback and what is kept no longer", () => {
    expect(text(aged)).toContain("maps stay for rollback: denylist_v4\n");
    expect(text(aged)).toContain("maps: 0 kept, 0 empty, 1 for rollback, 0 lost\n");
    expect(text(aged)).toMatch(
      /\n {2}no longer kept: generation 2, chain old; lost with it: ids\/flows\n {2}no longer kept: generation 1, chain edge\n$/,
    );
    expect(text({ ...aged, outcome: "unchanged" })).toContain(
      "the chain runs on as it is\n  no longer kept: generation 2",
    );
  });

  it("has every change, with its sign", () => {
    expect(
      text(swap)
        .split("\n")
        .map((shown) => shown.trimEnd()),
    ).toEqual([
      "eth0: chain edge, generation 3, runs here in native mode",
      "  swap in one step to chain edge, generation 4, native mode",
      "  ~ end: verdict -> drop",
      "  ~ counters: false -> true",
      "  + ids: place 1, priority 50, call, xdp_ids of ids.bpf.o",
      "      pass, tx -> counter",
      "      maps start empty: flows",
      "  ~ counter: place 1 -> 2, moved",
      "      object or globals: other code or values, old.o -> new.o",
      "      priority: 10 -> 60",
      "      pass, 31 (no verdict): denylist -> return",
      "      tx: return -> denylist (verdict kept)",
      "      maps keep their contents: totals",
      "      maps start empty: section-bss",
      "  - denylist: was in place 1",
      "      maps are lost: denylist_v4",
      "    unchanged, with their maps: guard",
      "  no action leads to counter",
      "  programs: 1 in, 1 out, 1 changed (1 moved), 1 unchanged; maps: 2 kept, 2 empty, 1 lost",
      "",
    ]);
  });

  it("has the width of the terminal", () => {
    const wide = { ...swap, interface: "a-long-name-eth" };
    for (const columns of [40, 60, 80]) {
      expect(
        text(wide, columns)
          .split("\n")
          .filter((shown) => shown.length > columns),
      ).toEqual([]);
    }
  });

  it("colours what comes, goes and changes", () => {
    const shown = renderPlan(swap, { columns: 100, paint: style(true) });
    for (const [color, sign, name] of [
      [32, "\\+", "ids"],
      [33, "~", "counter"],
      [31, "-", "denylist"],
    ] as const)
      expect(shown).toMatch(new RegExp(`\u001B\\[${color}m${sign}\u001B\\[0m \u001B\\[1m${name}\u001B\\[0m`));
  });

  it("names programs as long as one reads names", () => {
    const many = Array.from({ length: 200 }, (_, i) => program(`p${i}`));
    const shown = text({ ...swap, difference: { ...swap.difference, programs: many } });
    expect(shown).toContain("unchanged: 200 programs");
    expect(shown).not.toContain("p17");
  });

  it("says why a chain is swapped of which nothing changed", () => {
    const none = { ...swap, difference: { ...nothingToChange.difference, programs: [program("a")] } };
    expect(text({ ...none, difference: { ...none.difference, code: true } })).toContain(
      "another xdpgen made what runs",
    );
    const counts = { ...none.difference, code: true, counters: { from: true, to: false } };
    expect(text({ ...none, difference: counts })).not.toContain("another xdpgen");
    expect(text({ ...none, repair: true })).toContain("somebody removed a pin: all are made again");
  });

  const present = (rest: Partial<Preview["present"]>): string =>
    text({ ...swap, outcome: "created", present: { link: "none", occupants: [], ...rest } }, 200).split("\n")[0]!;
  const theirs = { id: 7, name: "theirs", mode: "native" } as const;
  const ours = { chain: "edge", generation: 3 };
  it.each<[Partial<Preview["present"]>, RegExp]>([
    [{}, /^eth0: no XDP program runs here$/],
    [{ occupants: [theirs] }, /^eth0: XDP program 7 \(theirs\) runs here, which is not xdpgen's$/],
    [{ occupants: [{ ...theirs, chain: "core" }] }, /program 7 \(theirs\) runs here, chain core .* out of reach$/],
    [
      { link: "here", ...ours, mode: "native", occupants: [theirs] },
      /chain edge, generation 3, ran here; XDP program 7/,
    ],
    [{ link: "defunct", ...ours }, /chain edge, generation 3, ran here and is defunct/],
    [{ link: "moved", ...ours }, /chain edge, .* moved to another network namespace$/],
  ])("says what is there: %j", (state, expected) => {
    expect(present(state)).toMatch(expected);
  });

  it("says that an interface is taken over, unless that is refused", () => {
    const taken = { ...swap, outcome: "created", present: { link: "none", occupants: [theirs] } } as const;
    expect(text(taken)).toContain("takes the interface over");
    const refused = text({ ...taken, obstacle: "eth0 is taken" });
    expect(refused).not.toContain("takes the interface over");
    expect(refused).toContain("apply would refuse: eth0 is taken\n");
  });
});

function planning(...previews: readonly Preview[]) {
  const calls: { devices: readonly string[]; options: PreviewOptions }[] = [];
  const preview: Library["preview"] = async (_, devices, options) => {
    calls.push({ devices, options });
    return devices.map((device, index) => ({ ...previews[index % previews.length]!, interface: device }));
  };
  return { calls, library: { preview, autoReason: async () => "freplace refused" } };
}

describe("plan", () => {
  it.each<[string, readonly Preview[], number]>([
    ["", [nothingToChange], 0],
    ["", [swap], 0],
    ["--exit-code", [nothingToChange], 0],
    ["--exit-code", [swap], 3],
    ["--exit-code", [{ ...nothingToChange, forgotten: aged.forgotten }], 3],
    ["--exit-code", [nothingToChange, swap], 3],
    ["", [{ ...swap, obstacle: "no" }], 1],
    ["--exit-code", [{ ...nothingToChange, obstacle: "no" }, swap], 1],
  ])("%s: exit status", async (option, previews, status) => {
    for (const json of ["", "--json"]) {
      const ended = await run(`plan c.yaml ${option} ${json}`, { library: planning(...previews).library });
      expect(ended.status).toBe(status);
    }
  });

  it("asks for all interfaces at once, and what apply would be given", async () => {
    const { calls, library } = planning(nothingToChange);
    const { out, err } = await run("plan c.yaml", { library });
    expect(out.match(/^eth\d: .*\n {2}nothing to change$/gm)).toHaveLength(2);
    expect(err).toBe("");
    await run("plan c.yaml --dev lo --mode generic --linkage call --replace", { library });
    expect(calls.map(({ devices }) => devices)).toEqual([chain.interfaces, ["lo"]]);
    expect(calls[1]!.options).toEqual({ mode: "generic", linkage: "call", replace: true });
    expect(
      (await run("plan c.yaml", { library: { loadChain: async () => ({ ...chain, interfaces: [] }) } })).status,
    ).toBe(2);
  });

  it("says in its help what each exit status means, and has examples at the end", async () => {
    const { out } = await run("plan --help");
    expect(out.replaceAll(/\s+/g, " ")).toMatch(
      /exit with 3 where .* 0 where nothing; 1 is where .* 2 for wrong input/,
    );
    expect(out).toMatch(/Examples:\n(?: {2}# .+\n {2}\$ xdpgen plan .*\n)+$/);
  });

  it("says why auto is call where something changes", async () => {
    const { library } = planning({ ...swap, difference: { ...swap.difference, programs: [program("denylist")] } });
    expect((await run("plan c.yaml", { library })).err).toBe("linkage auto is call here: freplace refused\n");
    expect((await run("plan c.yaml --linkage call", { library })).err).toBe("");
  });

  it("is one JSON value, errors included", async () => {
    const { library } = planning(swap);
    const { out } = await run("plan c.yaml --json --linkage call", { library });
    expect(JSON.parse(out)).toEqual({ chain: "edge", planned: [swap, { ...swap, interface: "eth1" }] });
    const preview: Library["preview"] = async () => {
      throw new XdpgenError("interface-missing", "no eth1");
    };
    const failed = await run("plan c.yaml --json", { library: { preview } });
    expect(failed.status).toBe(1);
    expect(JSON.parse(failed.out)).toMatchObject({ planned: [], error: { message: "no eth1" } });
  });
});

describe("apply", () => {
  const swapped: SwapResult = { interface: "eth0", outcome: "swapped", generation: 4, mode: "native", image };
  const applying = (preview: Library["preview"]): Partial<Library> => ({
    preview,
    apply: async () => [swapped],
    autoReason: async () => "freplace refused",
  });

  it("shows what changes before it acts, on a terminal and plain", async () => {
    for (const terminal of [false, true]) {
      let acted = "";
      const library = applying(async () => [swap]);
      library.apply = async () => ((acted = "yes"), [swapped]);
      library.preview = async () => (expect(acted).toBe(""), [swap]);
      const { out, err } = await run("apply c.yaml --dev eth0 --linkage call --color never", { library, terminal });
      const [clear, step] = [terminal ? "\r\u001B[K" : "", "eth0: loading 2 programs of chain edge"];
      const around = terminal ? [clear + step + clear, clear + step + clear] : [`${step}\n`, ""];
      expect(err).toBe(around.join(text(swap, 80)));
      expect(out).toBe("eth0: swapped to chain edge, generation 4, 2 programs by call, native mode\n");
    }
  });

  it("does not ask with --json", async () => {
    const library = applying(async () => Promise.reject(new Error("asked")));
    expect((await run("apply c.yaml --dev eth0 --json", { library })).status).toBe(0);
  });

  it("says of what runs already that there is nothing to change", async () => {
    const library = applying(async () => [nothingToChange]);
    library.apply = async () => [{ ...swapped, outcome: "unchanged", generation: 3 }];
    const { out } = await run("apply c.yaml --dev eth0", { library });
    expect(out).toBe("eth0: nothing to change: chain edge, generation 3, 2 programs by call, native mode\n");
  });

  it("shows beforehand what is kept no longer, also where the chain runs on as it is", async () => {
    const library = applying(async () => [{ ...nothingToChange, forgotten: aged.forgotten }]);
    library.apply = async () => [{ ...swapped, outcome: "unchanged", generation: 3 }];
    const { err } = await run("apply c.yaml --dev eth0", { library });
    expect(err).toContain("no longer kept: generation 2, chain old; lost with it: ids/flows\n");
  });

  it("leaves it to the act to say what is in the way", async () => {
    const refusal = new XdpgenError("environment", "cannot attach");
    const library = applying(async () => Promise.reject(new XdpgenError("environment", "cannot compare")));
    library.apply = async () => Promise.reject(refusal);
    expect(await run("apply c.yaml --dev eth0", { library })).toMatchObject({ status: 1, out: "" });
    library.preview = async () => [{ ...swap, obstacle: "cannot attach" }];
    const { out, err } = await run("apply c.yaml --dev eth0", { library });
    expect({ out, errors: err.match(/cannot attach/g) }).toEqual({ out: "", errors: ["cannot attach"] });
  });

  it("does not hide a mistake of our own", async () => {
    const library = applying(async () => Promise.reject(new TypeError("ours")));
    expect((await run("apply c.yaml --dev eth0", { library })).err).toContain("this is a bug in xdpgen");
  });
});
