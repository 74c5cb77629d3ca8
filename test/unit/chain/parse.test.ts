import { describe, expect, it } from "vitest";
import { type Chain, parseChain, requireChain } from "../../../src/chain/index.ts";
import { XdpgenError } from "../../../src/errors.ts";

const FULL = `
chain: edge
interfaces: [eth0, eth1.100]
mode: generic
linkage: call
end: XDP_DROP
programs:
  - name: denylist
    object: ./denylist.bpf.o
    function: xdp_denylist
    priority: 10
    proceed-on: [XDP_TX, Pass, redirect]
    linkage: freplace
    globals: { rate: 0x10, big: 18446744073709551615, on: true, text: hello, list: [1, [2, -3]] }
  - name: counter
    object: /opt/counter.bpf.o
    group: tenant
    after: [sampler]
    before: [last]
    on: { XDP_TX: { to: ids, keep: verdict }, pass: Next, drop: { to: next }, aborted: Return XDP_DROP, default: return kept }
  - { name: sampler, object: s.bpf.o, group: tenant }
  - { name: last, object: s.bpf.o, group: tenant }
  - { name: ids, object: i.bpf.o, priority: none }
groups:
  tenant: { end: { to: ids } }
`;

/** Without the text that it was read from. */
function chainOf(text: string, file = "chain.yaml"): Chain {
  const { source, ...chain } = requireChain(text, file);
  expect(source).toEqual({ text, file });
  return chain;
}
const programs = (body: string): string => `chain: a\nprograms:\n${body}`;

describe("parseChain", () => {
  it("takes no pin with a name, or a path, that is longer than the kernel's", () => {
    const pinnedAt = (pin: string): string =>
      parseChain(programs(`  - { name: a, object: a.o, maps: { m: { pin: ${pin} } } }`), { file: "c" })
        .diagnostics.map(({ message }) => message)
        .join();
    const long = /must be a path of at most 4095 bytes, and of at most 255 from slash to slash/;
    expect(pinnedAt(`/sys/${"x".repeat(255)}`)).toBe("");
    expect(pinnedAt(`/sys/${"x".repeat(256)}`)).toMatch(long);
    expect(pinnedAt(`/sys/${"é".repeat(128)}`)).toMatch(long);
    expect(pinnedAt("/abcdefg".repeat(511) + "/abcdef")).toBe("");
    expect(pinnedAt("/abcdefg".repeat(512))).toMatch(long);
  });

  it("reads every key", () => {
    expect(chainOf(FULL)).toEqual({
      name: "edge",
      interfaces: ["eth0", "eth1.100"],
      mode: "generic",
      linkage: "call",
      end: "drop",
      programs: [
        {
          name: "denylist",
          object: "denylist.bpf.o",
          function: "xdp_denylist",
          priority: 10,
          proceedOn: ["pass", "tx", "redirect"],
          linkage: "freplace",
          globals: { rate: 16, big: 18446744073709551615n, on: true, text: "hello", list: [1, [2, -3]] },
        },
        {
          name: "counter",
          object: "/opt/counter.bpf.o",
          group: "tenant",
          after: ["sampler"],
          before: ["last"],
          on: {
            aborted: "return drop",
            drop: "next",
            pass: "next",
            tx: { to: "ids", keep: "verdict" },
            default: "return kept",
          },
        },
        { name: "sampler", object: "s.bpf.o", group: "tenant" },
        { name: "last", object: "s.bpf.o", group: "tenant" },
        { name: "ids", object: "i.bpf.o", priority: "none" },
      ],
      groups: { tenant: { end: "ids" } },
    });
  });

  it("fills in the defaults of a chain and none of a program", () => {
    expect(chainOf(programs("  - { name: a, object: a.o }\n"))).toEqual({
      name: "a",
      interfaces: [],
      mode: "auto",
      linkage: "auto",
      end: "verdict",
      programs: [{ name: "a", object: "a.o" }],
    });
  });

  it("takes a health command as words or as a line, with the folder that it runs in", () => {
    const of = (health: string) => chainOf(`health: ${health}\n${programs("  - { name: a, object: a.o }\n")}`).health;
    expect(of("{ command: [curl, -f, x], within: 500ms }")).toMatchObject({
      command: ["curl", "-f", "x"],
      within: "500ms",
    });
    expect(of("{ command: curl -f x }")).toMatchObject({ command: "curl -f x", folder: expect.any(String) as string });
  });

  it("takes a history of none to sixteen", () => {
    const of = (head: string) => chainOf(`${head}${programs("  - { name: a, object: a.o }\n")}`).history;
    expect(["", "history: 0\n", "history: 16\n"].map(of)).toEqual([undefined, 0, 16]);
  });

  it("does not tell a chain that is not to count from one that says nothing of it", () => {
    const of = (head: string) => chainOf(`${head}${programs("  - { name: a, object: a.o }\n")}`);
    expect(of("counters: false\n")).toEqual(of(""));
    expect(of("counters: true\n").counters).toBe(true);
  });

  it("freezes the chain and all that it holds", () => {
    const chain = requireChain(FULL, "chain.yaml");
    const held = [chain, chain.programs, chain.interfaces, chain.programs[0], chain.programs[0]?.globals];
    expect(held.every((value) => Object.isFrozen(value))).toBe(true);
  });

  it.each([
    ["chain.yaml", "./a.o", "a.o"],
    ["conf/chain.yaml", "./a.o", "conf/a.o"],
    ["conf/chain.yaml", "../a.o", "a.o"],
    ["../chain.yaml", "../a.o", "../../a.o"],
    ["/etc/xdp/chain.yaml", "bpf//a.o", "/etc/xdp/bpf/a.o"],
    ["/chain.yaml", "../../a.o", "/a.o"],
    ["conf/chain.yaml", "/opt/./a.o", "/opt/a.o"],
    ["/etc/xdp/chain.yaml", "../a.o", "/etc/a.o"],
  ])("takes objects relative to the file: %s and %s", (file, object, path) => {
    expect(chainOf(programs(`  - { name: a, object: ${object} }\n`), file).programs[0]?.object).toBe(path);
  });

  it("follows aliases and merge keys; own keys win wherever `<<` stands", () => {
    const chain = chainOf(
      programs(`  - &base { name: a, object: a.o, priority: 5, proceed-on: &on [pass] }
  - name: b
    <<: *base
    object: b.o
  - { name: c, object: c.o, proceed-on: *on }
`),
    );
    expect(chain.programs[1]).toEqual({ name: "b", object: "b.o", priority: 5, proceedOn: ["pass"] });
    expect(chain.programs[2]?.proceedOn).toEqual(["pass"]);
  });

  it("takes the ends of the priority range and refuses what is outside", () => {
    const priority = (value: string) =>
      parseChain(programs(`  - { name: a, object: a, priority: ${value} }\n`), { file: "" });
    expect(priority("0").chain?.programs[0]?.priority).toBe(0);
    expect(priority("4294967295").chain?.programs[0]?.priority).toBe(4294967295);
    for (const value of ["-1", "4294967296", "1.5", ".inf", ".nan", "1e400", '"1"', "true", "''"]) {
      const { chain, diagnostics } = priority(value);
      expect({ value, chain, lines: diagnostics.map(({ line }) => line) }).toEqual({
        value,
        chain: undefined,
        lines: [3],
      });
    }
  });

  it("points at both places of equal names", () => {
    const { diagnostics } = parseChain(programs("  - { name: a, object: x }\n  - { name: a, object: y }\n"), {
      file: "",
    });
    expect(diagnostics).toMatchObject([
      { code: "equal-names", line: 4, column: 13, length: 1, related: { line: 3, column: 13, length: 1 } },
    ]);
  });

  it("is not led astray by keys that JavaScript knows", () => {
    const text = "__proto__: 1\nconstructor: 2\ntoString: 3\nchain: a\nprograms: [{ name: a, object: a }]\n";
    const { diagnostics } = parseChain(text, { file: "" });
    expect(diagnostics.map(({ code, line }) => `${code} ${line}`)).toEqual([
      "unknown-key 1",
      "unknown-key 2",
      "unknown-key 3",
    ]);
  });
});

describe("requireChain", () => {
  it("throws the whole report as one error of the user's", () => {
    let error: unknown;
    try {
      requireChain("chain: A\nmod: x\n", "conf/chain.yaml");
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(XdpgenError);
    expect(error).toMatchObject({ code: "chain-invalid", exitStatus: 2 });
    expect((error as Error).message).toContain("conf/chain.yaml:1:8: error: ");
    expect((error as Error).message).toMatch(/3 mistakes in conf\/chain\.yaml$/);
  });
});
