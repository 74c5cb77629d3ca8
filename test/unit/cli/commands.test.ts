import { describe, expect, it } from "vitest";
import { Interrupt } from "../../../src/cli/io.ts";
import type { Library } from "../../../src/cli/library.ts";
import { XdpgenError } from "../../../src/errors.ts";
import type { SwapEvent, SwapOptions, SwapResult } from "../../../src/loader/index.ts";
import { attachment, chain, image, run, verified } from "./fake.ts";

describe("build", () => {
  it("writes the object under the chain's name", async () => {
    const { status, out, files } = await run("build c.yaml");
    const figures = "1,082 instructions, 10 functions of 256, 1 map of 64, 128 bytes of stack of 512";
    expect({ status, out }).toEqual({ status: 0, out: `edge.bpf.o: 4 bytes\n${figures}\n` });
    expect([...files]).toEqual([["edge.bpf.o", image.elf]]);
  });

  it("prints one text format to stdout", async () => {
    const { out, files } = await run("build c.yaml --emit asm");
    expect(out).toBe(image.listing);
    expect(files.size).toBe(0);
  });

  it("writes several formats into a folder", async () => {
    const { files } = await run("build c.yaml --emit o,asm,json -o out");
    expect([...files.keys()]).toEqual(["out/edge.bpf.o", "out/edge.asm", "out/edge.json"]);
    expect(JSON.parse(String(files.get("out/edge.json")))).toMatchObject({
      chain: "edge",
      slots: [{ maps: { a: "b" } }],
    });
  });

  it("writes bytes to a pipe and not to a terminal", async () => {
    expect((await run("build c.yaml -o -")).out).toBe("\u007FELF");
    const { status, out, err } = await run("build c.yaml -o -", { terminal: true });
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toContain("--output");
  });

  it("lists what it wrote as JSON", async () => {
    const { out } = await run("build c.yaml --emit asm --json");
    expect(JSON.parse(out)).toMatchObject({ chain: "edge", files: [{ format: "asm", path: "edge.asm", bytes: 22 }] });
  });

  it("has the figures in JSON, in the file and beside the list of files", async () => {
    const limits = { functions: 256, maps: 64, stack: 512, verifiedInstructions: 1_000_000 };
    const { out, files } = await run("build c.yaml --emit json -o edge.json --json");
    const figures = { ...image.figures, limits };
    for (const text of [out, String(files.get("edge.json"))]) expect(JSON.parse(text)).toMatchObject({ figures });
    expect(JSON.parse(out)).not.toHaveProperty("verified");
  });

  it("says nothing of figures where no object is written", async () => {
    expect((await run("build c.yaml --emit asm -o edge.asm")).out).toBe("edge.asm: 22 bytes\n");
  });

  describe("--verify", () => {
    const library = { verifyImage: async () => verified };

    it("shows what the verifier says beside the figures", async () => {
      const { status, out, err } = await run("build c.yaml --verify", { library });
      expect({ status, err }).toEqual({ status: 0, err: "" });
      expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
      await expect(out).toMatchFileSnapshot("../../cases/cli/build-verify.txt");
    });

    it("leaves stdout to what is emitted there", async () => {
      const { out, err } = await run("build c.yaml --emit asm --verify", { library });
      expect(out).toBe(image.listing);
      expect(err).toMatch(/^dispatcher +1,082 .* 90,015 +79\.7 ms$/m);
    });

    it("has it in JSON beside the list of files, and not in a file", async () => {
      const { out, files } = await run("build c.yaml --verify --emit json -o edge.json --json", { library });
      expect(JSON.parse(out)).toMatchObject({ verified: JSON.parse(JSON.stringify(verified)), files: [{}] });
      expect(JSON.parse(String(files.get("edge.json")))).not.toHaveProperty("verified");
    });

    it("writes nothing that is refused", async () => {
      const verifyImage: Library["verifyImage"] = async () => {
        throw new XdpgenError("program-rejected", "refused");
      };
      const { status, err, files } = await run("build c.yaml --verify", { library: { verifyImage } });
      expect({ status, err, files: files.size }).toEqual({ status: 1, err: "error: refused\n", files: 0 });
    });
  });

  it("overrides the chain's linkage", async () => {
    const seen: unknown[] = [];
    const synthesise: Library["synthesise"] = async (given) => (seen.push(given.linkage), image);
    await run("build c.yaml --linkage FREPLACE", { library: { synthesise } });
    await run("build c.yaml", { library: { synthesise } });
    expect(seen).toEqual(["freplace", "auto"]);
  });
});

describe("apply", () => {
  const swapped = (device: string): SwapResult => ({
    interface: device,
    outcome: "swapped",
    generation: 4,
    mode: "native",
    image,
    verified,
  });
  function recording(told: readonly SwapEvent[] = []) {
    const calls: { devices: readonly string[]; options: SwapOptions }[] = [];
    const apply: Library["apply"] = async (_, devices, options) => {
      calls.push({ devices, options });
      for (const event of told) options.events?.(event);
      options.events?.({ kind: "notice", message: `a note on ${devices.join(" and ")}` });
      return devices.map(swapped);
    };
    return { calls, library: { apply, autoReason: async () => "freplace refused" } };
  }

  it("gives all of the chain's interfaces the chain at once", async () => {
    const { calls, library } = recording();
    const { status, out, err } = await run("apply c.yaml", { library });
    expect(status).toBe(0);
    expect(calls.map(({ devices }) => devices)).toEqual([chain.interfaces]);
    expect(out).toBe(
      "eth0: swapped to chain edge, generation 4, 2 programs by call, native mode\n" +
        "eth1: swapped to chain edge, generation 4, 2 programs by call, native mode\n",
    );
    expect(err).toContain("a note on eth0 and eth1\n");
  });

  it("says once why auto is call, and nothing when call was asked for", async () => {
    const { library } = recording();
    const said = (await run("apply c.yaml", { library })).err.match(/linkage auto is call here: freplace refused/g);
    expect(said).toHaveLength(1);
    expect((await run("apply c.yaml --linkage call", { library })).err).not.toContain("linkage auto");
  });

  it("takes interfaces and options from the command line instead", async () => {
    const { calls, library } = recording();
    await run("apply c.yaml --dev lo -d eth9 --dev lo --mode generic --linkage call --replace", { library });
    expect(calls.map(({ devices }) => devices)).toEqual([["lo", "eth9"]]);
    expect(calls[0]?.options).toMatchObject({ mode: "generic", linkage: "call", replace: true });
  });

  it("needs an interface", async () => {
    const library = { loadChain: async () => ({ ...chain, interfaces: [] }) };
    const { status, err } = await run("apply c.yaml", { library });
    expect(status).toBe(2);
    expect(err).toContain("--dev");
  });

  const load = { step: "load", interfaces: ["lo"], of: "program counter" } as const;
  const commit = { step: "commit", interfaces: ["lo"] } as const;
  const told: readonly SwapEvent[] = [
    { kind: "waiting", interface: "lo", holder: { pid: 7, command: "xdpgen apply other.yaml" } },
    { kind: "begin", ...load },
    { kind: "end", ...load, milliseconds: 1.5 },
    { kind: "begin", ...load, of: "dispatcher" },
    { kind: "again", interface: "lo", attempt: 1 },
    { kind: "begin", ...commit },
  ];

  it("gives one JSON value with what happened", async () => {
    const { library } = recording(told);
    const { out } = await run("apply c.yaml --json --dev lo", { library });
    expect(JSON.parse(out)).toMatchObject({
      chain: "edge",
      applied: [
        {
          interface: "lo",
          outcome: "swapped",
          generation: 4,
          mode: "native",
          verified: { dispatcher: { microseconds: 79_744 } },
        },
      ],
      events: [
        { kind: "waiting", interface: "lo", holder: { pid: 7 } },
        { kind: "end", step: "load", interfaces: ["lo"], of: "program counter", milliseconds: 1.5 },
        { kind: "again", interface: "lo", attempt: 1 },
        { kind: "notice", message: "a note on lo" },
        { kind: "notice", message: "linkage auto is call here: freplace refused" },
      ],
    });
  });

  it("tells in JSON what happened before an error", async () => {
    const apply: Library["apply"] = async (_, __, { events }) => {
      events?.({ kind: "failed", ...commit, milliseconds: 1 });
      throw new XdpgenError("environment", "eth1 refuses");
    };
    const { status, out, err } = await run("apply c.yaml --json", { library: { apply } });
    expect({ status, err: err.includes("error: eth1 refuses\n") }).toEqual({ status: 1, err: true });
    expect(JSON.parse(out)).toEqual({
      chain: "edge",
      applied: [],
      events: [{ kind: "failed", ...commit, milliseconds: 1 }],
      error: { code: "environment", message: "eth1 refuses" },
    });
  });

  it("says each step on a terminal, and elsewhere each kind of step", async () => {
    const { library } = recording(told);
    const line = "apply c.yaml --dev lo --linkage call";
    const waiting = "lo: waiting for process 7 (xdpgen apply other.yaml), which changes it\n";
    const again = "lo: somebody changed its link in the middle; beginning again (1)\n";
    const plain = await run(line, { library });
    expect(plain.err).toBe(
      `lo: loading 2 programs of chain edge\n${waiting}lo: load program counter\n${again}lo: commit\na note on lo\n`,
    );
    const { err } = await run(line, { library, terminal: true });
    const clear = "\r\u001B[K";
    expect(err.split(clear)).toEqual([
      "",
      "lo: loading 2 programs of chain edge",
      waiting,
      "lo: load program counter",
      "lo: load dispatcher",
      again,
      "lo: commit",
      "a note on lo\n",
    ]);
  });

  it("is cancelled by a signal, whose exit status it has, and says when that came too late", async () => {
    const controller = new AbortController();
    const apply: Library["apply"] = async (_, devices, { signal }) => {
      if (signal?.aborted) throw new XdpgenError("aborted", "cancelled", { cause: signal.reason });
      controller.abort(new Interrupt("SIGINT"));
      return devices.map(swapped);
    };
    const world = { library: { apply }, interrupt: controller.signal };
    const late = await run("apply c.yaml --dev lo --linkage call", world);
    expect(late).toMatchObject({ status: 0, out: expect.stringMatching(/^lo: swapped to/) });
    expect(late.err).toContain("too late to cancel: the swap is done\n");
    const cancelled = await run("apply c.yaml --dev lo --json", world);
    expect(cancelled).toMatchObject({ status: 130, err: expect.stringMatching(/^error: cancelled$/m) });
    expect(JSON.parse(cancelled.out)).toMatchObject({ error: { code: "aborted" } });
    expect(new Interrupt("SIGTERM").exitStatus).toBe(143);
  });

  it("has one live line on a terminal and takes it back", async () => {
    const { library } = recording();
    const { err } = await run("apply c.yaml --dev lo --linkage call", { library, terminal: true });
    const clear = "\r\u001B[K";
    expect(err).toBe(`${clear}lo: loading 2 programs of chain edge${clear}a note on lo\n`);
  });
});

describe("status", () => {
  it("is an answer when nothing runs, and an error for an interface that was named", async () => {
    const library = { status: async () => [] };
    expect(await run("status", { library })).toMatchObject({ status: 0, out: expect.stringContaining("nothing") });
    expect(await run("status --json", { library })).toMatchObject({ status: 0, out: "[]\n" });
    expect(await run("status eth0", { library })).toMatchObject({ status: 1, out: "" });
  });

  it("is the library's report as JSON", async () => {
    const { out } = await run("status --json", { library: { status: async () => [attachment] } });
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify([attachment])));
  });
});

describe("rollback", () => {
  const rollback: Library["rollback"] = async (device, { to = 2, events }) => {
    if (device === "eth9") throw new XdpgenError("not-kept", "eth9 runs generation 1, and none before it is kept");
    events?.({ kind: "notice", message: `about ${device}` });
    return { from: 3, generation: to, mode: "native", manifest: image.manifest };
  };

  /** `alt0` is a second name of eth5. */
  const interfaceIndex = async (name: string): Promise<number> => (name === "alt0" ? 5 : Number(name.slice(3)));

  it("says from where to where, and that maps are not rolled back", async () => {
    const { status, out, err } = await run("rollback eth5 --dev eth6 --to 1", {
      library: { rollback, interfaceIndex },
    });
    expect({ status, err }).toEqual({ status: 0, err: "about eth5\nabout eth6\n" });
    expect(out).toBe(
      "eth5: rolled back from generation 3 to chain edge, generation 1, native mode; maps keep their contents\n" +
        "eth6: rolled back from generation 3 to chain edge, generation 1, native mode; maps keep their contents\n",
    );
    const same = await run("rollback eth5 --to 3", { library: { rollback } });
    expect(same.out).toBe("eth5: nothing to change: chain edge, generation 3, native mode\n");
  });

  it("goes back once where two names are of one interface", async () => {
    const { out } = await run("rollback eth5 alt0 eth6", { library: { rollback, interfaceIndex } });
    expect(out.match(/^\w+(?=: rolled back)/gm)).toEqual(["eth5", "eth6"]);
  });

  it("prints JSON, and beside an error what was done before it", async () => {
    const { out, status } = await run("rollback eth5 eth9 --json", { library: { rollback, interfaceIndex } });
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      rolledBack: [{ interface: "eth5", from: 3, generation: 2, chain: "edge", mode: "native" }],
      events: [{ kind: "notice", message: "about eth5" }],
      error: { code: "not-kept" },
    });
  });
});

describe("detach", () => {
  const detach: Library["detach"] = async (device, { events }) => {
    events?.({ kind: "notice", message: `detached ${device}` });
    return { detached: true };
  };

  it("takes one interface", async () => {
    expect(await run("detach eth5", { library: { detach } })).toMatchObject({ status: 0, out: "detached eth5\n" });
  });

  it("takes all that are attached", async () => {
    const library = { detach, status: async () => [attachment, { ...attachment, interface: "eth7" }] };
    const { out, err } = await run("detach --all --json", { library });
    expect(JSON.parse(out)).toEqual({
      detached: ["eth0", "eth7"],
      events: ["eth0", "eth7"].map((device) => ({ kind: "notice", message: `detached ${device}` })),
    });
    expect(err).toBe("detached eth0\ndetached eth7\n");
  });

  it("is cancelled by a signal between two interfaces, and says which is done", async () => {
    const controller = new AbortController();
    const library: Partial<Library> = {
      detach: async (device, options) => {
        if (options.signal?.aborted) throw new XdpgenError("aborted", "cancelled", { cause: options.signal.reason });
        controller.abort(new Interrupt("SIGINT"));
        return detach(device, options);
      },
      status: async () => [attachment, { ...attachment, interface: "eth7" }],
    };
    const { status, out } = await run("detach --all --json", { library, interrupt: controller.signal });
    expect(status).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ detached: ["eth0"], error: { code: "aborted" } });
  });

  it("goes on with the others where one fails, and says all that failed", async () => {
    const library: Partial<Library> = {
      detach: async (device, options) => {
        if (device !== "eth7") throw new XdpgenError("conflict", `somebody holds the lock of ${device}`);
        return detach(device, options);
      },
      status: async () => ["eth6", "eth7", "eth8"].map((name) => ({ ...attachment, interface: name })),
    };
    const { status, out } = await run("detach --all --json", { library });
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      detached: ["eth7"],
      error: { code: "conflict", message: "somebody holds the lock of eth6\nsomebody holds the lock of eth8" },
    });
  });

  it("says as JSON what was done before an error", async () => {
    const library: Partial<Library> = {
      detach: async (device, options) => {
        if (device === "eth7") throw new XdpgenError("conflict", "somebody holds the lock");
        return detach(device, options);
      },
      status: async () => [attachment, { ...attachment, interface: "eth7" }],
    };
    const { status, out } = await run("detach --all --json", { library });
    expect(status).toBe(1);
    expect(JSON.parse(out)).toEqual({
      detached: ["eth0"],
      events: [{ kind: "notice", message: "detached eth0" }],
      error: { code: "conflict", message: "somebody holds the lock" },
    });
  });
});

describe("lint", () => {
  const source = { file: "c.yaml", text: "chain: edge\nprograms:\n  - name: denylist\n    object: denylist.bpf.o\n" };
  const path = ["programs", 0, "name"];
  const warning = { code: "never-runs", path, at: "value", message: "it never runs", hint: "lead to it" } as const;
  const library = { lint: async () => [warning], loadChain: async () => ({ ...chain, source }) };

  it("shows warnings in their place, and ends with a status only where it is asked to", async () => {
    const { status, out } = await run("lint c.yaml", { library });
    expect({ status, out }).toEqual({
      status: 0,
      out: expect.stringContaining("c.yaml:3:11: warning: it never runs (never-runs)"),
    });
    expect((await run("lint c.yaml --strict", { library })).status).toBe(2);
    expect(await run("lint c.yaml --strict")).toMatchObject({ status: 0, out: "chain edge: no warnings\n" });
  });

  it("is a list in JSON", async () => {
    const { out } = await run("lint c.yaml --json", { library });
    expect(JSON.parse(out)).toMatchObject({
      chain: "edge",
      warnings: [{ code: "never-runs", path, line: 3, column: 11, length: 8 }],
    });
  });

  it.each(["build c.yaml", "apply c.yaml --dev lo --linkage call"])("says the same on stderr for %s", async (line) => {
    const apply: Library["apply"] = async (_, [device = ""]) => [
      { interface: device, outcome: "created", generation: 1, mode: "native", image },
    ];
    const { status, err } = await run(line, { library: { ...library, apply } });
    expect(status).toBe(0);
    expect(err).toContain("c.yaml:3:11: warning: it never runs (never-runs)");
  });
});

describe("schema", () => {
  it("prints the JSON Schema, or writes it", async () => {
    const { out } = await run("schema");
    expect(JSON.parse(out)).toMatchObject({ $schema: "https://json-schema.org/draft/2020-12/schema", type: "object" });
    const written = await run("schema -o chain.schema.json");
    expect(written.files.get("chain.schema.json")).toBe(out);
    expect(written.out).toBe(`chain.schema.json: ${Buffer.byteLength(out)} bytes\n`);
    expect(JSON.parse((await run("schema --json -o s.json")).out)).toEqual({
      file: { path: "s.json", bytes: Buffer.byteLength(out) },
    });
  });
});

describe("doctor", () => {
  const entry = { name: "JIT", value: "off", meaning: "slow", advice: "switch it on" };
  it.each([
    ["ok", 0],
    ["limited", 0],
    ["missing", 1],
  ] as const)("%s: exit status %i", async (state, status) => {
    const library = { doctor: async () => ({ entries: [{ ...entry, state }], linkage: "call" as const }) };
    const answer = await run("doctor", { library });
    expect(answer.status).toBe(status);
    expect(answer.out).toContain("to do: switch it on");
    expect((await run("doctor --json", { library })).status).toBe(status);
  });
});
