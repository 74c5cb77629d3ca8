import { describe, expect, it } from "vitest";
import { formatAge } from "../../../src/cli/render/age.ts";
import { renderDoctor } from "../../../src/cli/render/doctor.ts";
import { renderFlow } from "../../../src/cli/render/flow.ts";
import { renderStatus } from "../../../src/cli/render/status.ts";
import { style } from "../../../src/cli/render/style.ts";
import { renderTable, wrap } from "../../../src/cli/render/table.ts";
import { pictureOfPrograms } from "../../../src/codegen/index.ts";
import type { AttachmentStatus } from "../../../src/loader/index.ts";
import { attachment } from "./fake.ts";

const plain = style(false);
const view = { now: new Date("2026-11-22T12:05:30"), columns: 80, paint: plain };

describe("status", () => {
  it("shows a chain", async () => {
    const shown = renderStatus([attachment], view);
    expect(shown.split("\n").filter((line) => line.length > 80)).toEqual([]);
    await expect(shown).toMatchFileSnapshot("../../cases/cli/status.txt");
  });

  it("shows whose a map is, and where it is pinned too", () => {
    const [first] = attachment.programs;
    const map = { name: "flows", id: 9, pin: "/sys/fs/bpf/xdpgen/1-2/programs/a-1/maps/flows" };
    const maps = [
      { ...map, from: "ids", pinned: "/sys/fs/bpf/flows" },
      { ...map, id: 10 },
    ];
    const programs = [{ ...first!, maps }, ...attachment.programs.slice(1)];
    const shown = renderStatus([{ ...attachment, programs }], { ...view, columns: 120 });
    expect(shown).toMatch(/flows {2}id 9, that of ids, at \/sys\/fs\/bpf\/flows too\n.*flows {2}id 10\n/);
  });

  it("fits 80 columns with long names, many actions and big numbers", () => {
    const [first] = attachment.programs;
    const long = {
      ...first!,
      name: "a-program-with-a-long-name",
      function: "xdp_function_with_a_long_name",
      id: 1234567,
    };
    const programs = [
      {
        ...long,
        edges: { ...long.edges, tx: { to: "another-program", keep: "verdict" as const } },
        priority: 4294967295,
      },
      { ...long, name: "another-program" },
      attachment.programs[1]!,
    ];
    const shown = renderStatus([{ ...attachment, programs }], view);
    const wide = shown.split("\n").filter((line) => line.length > 80);
    expect(wide).toEqual([]);
    expect(shown).toContain("f00dfacef00dface");
  });

  it("shows the packets of each program where they are counted, also on a narrow terminal", () => {
    const counts = { aborted: 1, drop: 2, pass: 1_000_000, tx: 3, redirect: 4, "no-verdict": 5, other: 6 };
    const programs = attachment.programs.map((program) => ({ ...program, counts }));
    for (const columns of [60, 80, 120]) {
      const shown = renderStatus([{ ...attachment, programs }], { ...view, columns });
      expect(shown).toMatch(/ program +packets .*\n.* denylist +1,000,021 .*\n(.*\n)? .* counter +1,000,021 /);
      expect(shown.split("\n").filter((line) => line.length > Math.max(80, columns))).toEqual([]);
      expect(shown).toContain("│ pass 1,000,000");
      const quiet = renderStatus([attachment], { ...view, columns });
      expect(quiet).not.toContain("packets");
    }
  });

  it("shows what the kernel keeps of extensions where there is room, and of an old kernel nothing", () => {
    const wide = renderStatus([attachment], { ...view, columns: 120 });
    expect(wide).toMatch(/ tag +verified +function\n.* f00dfacef00dface +227 +xdp_denylist\n/);
    const programs = attachment.programs.map((program) => ({ ...program, function: "xdp_function_with_a_long_name" }));
    expect(renderStatus([{ ...attachment, programs }], view)).toMatch(/^ +# +id +tag +verified +function$/m);
    const { verifiedInstructions: _, ...figures } = { ...attachment.dispatcher.figures, functions: 1, jitedBytes: 0 };
    const dispatcher = { ...attachment.dispatcher, figures };
    const old = renderStatus([{ ...attachment, dispatcher }], view);
    expect(old).toMatch(/^ {2}1 function, 2 maps, interpreted$/m);
  });

  it("draws no picture that nobody could take in", () => {
    const programs = Array.from({ length: 255 }, (_, i) => ({
      ...attachment.programs[0]!,
      name: `p${i}`,
      edges: { pass: `p${i + 1}` },
      order: i + 1,
      maps: [],
    }));
    const shown = renderStatus([{ ...attachment, programs }], view);
    expect(shown).not.toContain("▼");
    expect(shown.split("\n").length).toBeLessThan(270);
  });

  it("says loudly that a chain does not run", () => {
    const { interface: _, ...gone } = attachment;
    const shown = renderStatus([{ ...gone, defunct: true }], view);
    expect(shown).toContain("interface 2 (gone)");
    expect(shown).toContain("NOT RUNNING");
  });
});

it("says of a chain that moved away where it runs, and no mode", () => {
  const { interface: _, mode: __, ...rest } = attachment;
  const to = (namespace: AttachmentStatus["namespace"], device?: string): string =>
    renderStatus([{ ...rest, ...(device && { interface: device }), namespace, moved: true }], view);
  const unseen = to({ kind: "unseen" });
  expect(unseen).toContain(
    "interface 2 in a network namespace that cannot be seen from here: chain edge, generation 3\n",
  );
  expect(unseen).not.toContain("NOT RUNNING");
  const blue = { inode: 4026532300, kind: "other" } as const;
  expect(to({ ...blue, name: "blue", pid: 7 }, "eth1")).toMatch(
    /^eth1 in network namespace blue \(4026532300\): chain edge[^]*`xdpgen detach` there find it/,
  );
  expect(to({ ...blue, pid: 7 }, "eth1")).toMatch(/^eth1 in network namespace of process 7 \(4026532300\): /);
  expect(to(blue, "eth1")).toMatch(/^eth1 in network namespace 4026532300: /);
});

it("says of each trouble what is wrong and what mends it", () => {
  const troubles: AttachmentStatus["troubles"] = [
    { kind: "unbound", program: "denylist" },
    { kind: "pin-removed", what: "link", pin: "/sys/fs/bpf/xdpgen/1-2/link" },
    { kind: "pin-removed", what: "dispatcher", pin: "/sys/fs/bpf/xdpgen/1-2/gen-3/dispatcher" },
    { kind: "pin-replaced", name: "flows", id: 11, pin: "/sys/fs/bpf/flows" },
    { kind: "pin-taken", what: "link", pin: "/sys/fs/bpf/xdpgen/1-2/link" },
    { kind: "pin-taken", what: "slot", pin: "/sys/fs/bpf/xdpgen/1-2/gen-3/slot-ids" },
    { kind: "pin-taken", what: "program", pin: "/sys/fs/bpf/xdpgen/1-2/programs/ids-1/program" },
    { kind: "pin-taken", what: "map", pin: "/sys/fs/bpf/xdpgen/1-2/programs/ids-1/maps/flows", id: 13 },
    { kind: "map-unpinned", name: "totals", id: 12 },
    { kind: "foreign-program", id: 9, name: "theirs" },
    { kind: "set-aside" },
    { kind: "pins-out-of-reach" },
  ];
  const shown = renderStatus([{ ...attachment, troubles }], view);
  expect(shown.split("\n").filter((line) => line.length > 80)).toEqual([]);
  const text = shown.replaceAll(/\n +/g, " ");
  for (const words of [
    "NOT BOUND: denylist: somebody removed its slot's pin, and packets run past it; apply the chain again",
    "the link has lost its pin /sys/fs/bpf/xdpgen/1-2/link: the chain ends when the process that holds it does; apply the",
    "somebody removed the dispatcher's pin /sys/fs/bpf/xdpgen/1-2/gen-3/dispatcher: packets notice nothing; apply the",
    "what is pinned at /sys/fs/bpf/flows is not map flows (id 11) of the chain that runs, and apply refuses: remove that pin,",
    "what somebody put at /sys/fs/bpf/xdpgen/1-2/link is not the link of the chain: the chain ends when the process that",
    "/gen-3/slot-ids is not the slot of the chain: packets run past its program; apply the chain again",
    "/ids-1/program is not the program of the chain: packets notice nothing; remove that, and apply the chain again",
    "/maps/flows is not map 13 of the chain, and a swap that loads its program anew is refused: remove that, and `bpftool",
    "`bpftool map pin id 12 PATH` keeps it, with the path that it had below /sys/fs/bpf/xdpgen/4026531833-2/programs",
    "NOT RUNNING: program 9 (theirs) of somebody else is on xdpgen's link: `xdpgen apply --replace` takes it off",
    "its pins are set aside: packets notice nothing; apply the chain again, which puts them back first",
    "`xdpgen apply --replace` takes eth0 over, `xdpgen detach eth0` takes the chain off",
  ])
    expect(text).toContain(words);
});

describe("flow", () => {
  it("paints the words of actions, the names and the lines, and changes no character", () => {
    const programs = [
      { name: "a", priority: 1, edges: { pass: "b", drop: "return kept" } },
      { name: "b", priority: 2, edges: {} },
    ];
    const picture = pictureOfPrograms("c", programs);
    const painted = renderFlow(picture, style(true)).join("\n");
    const { tx, pass } = style(true).actions;
    expect(painted).toContain(tx("tx"));
    expect(painted).toContain(pass("pass"));
    expect(painted).toContain(style(true).bold("kept"));
    // oxlint-disable-next-line no-control-regex
    expect(painted.replaceAll(/\u001B\[[\d;]*m/g, "")).toBe(renderFlow(picture, style(false)).join("\n"));
  });
});

describe("doctor", () => {
  it("wraps and ends with what it comes to", () => {
    const words = "word ".repeat(40).trim();
    const entries = [{ name: "freplace", state: "limited" as const, value: "refused", meaning: words, advice: words }];
    const shown = renderDoctor({ entries, linkage: "call" }, 60, plain);
    expect(shown.split("\n").filter((line) => line.length > 60)).toEqual([]);
    expect(shown).toMatch(/This machine runs chains; linkage auto is call\.\n$/);
  });
});

describe("table", () => {
  it("aligns, shrinks what may shrink, and loses no character", () => {
    const columns = [
      { title: "n", align: "right" as const },
      { title: "text", min: 6 },
    ];
    const lines = renderTable(
      columns,
      [
        ["1", "abcdefghij kl"],
        ["22", "x"],
      ],
      10,
      (text) => text,
    );
    expect(lines).toEqual([" n  text", " 1  abcdef", "    ghij", "    kl", "22  x"]);
  });

  it.each([
    ["", 5, [""]],
    ["a b", 5, ["a b"]],
    ["aaa bbb", 5, ["aaa", "bbb"]],
    ["aaaaaaa", 3, ["aaa", "aaa", "a"]],
    ["to a-long_name", 7, ["to", "a-long_", "name"]],
    ["ab", 0, ["a", "b"]],
  ] as const)("wraps %j at %i", (text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines);
  });
});

describe("age", () => {
  it.each([
    [-5, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [3_600_000, "1 h"],
    [7_530_000, "2 h 5 min"],
    [86_400_000, "1 day"],
    [273_600_000, "3 days 4 h"],
  ])("%i ms is %s", (milliseconds, text) => {
    expect(formatAge(milliseconds)).toBe(text);
  });
});
