/** What a user gets wrong, through the real command line on a real kernel: a clear answer, and nothing changed. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { exit, mov64Imm, R0 } from "../../../src/codegen/asm/index.ts";
import { type AttachmentStatus, openKernel } from "../../../src/loader/index.ts";
import { requireBpffs } from "../../../src/loader/machine/bpffs.ts";
import { loaderLinkages } from "../../support/linkages.ts";
import { objectOf } from "../../support/verdict-program.ts";
import { type Veth, veth } from "../../support/veth.ts";
import { expectRefusal, json, run } from "./command.ts";
import { EMULATED, expectUnchanged, type Folder, folder, leftToHost, numberedChain, snapshot } from "./world.ts";

declare module "vitest" {
  interface TaskMeta {
    asksNoKernel?: true;
  }
}
const NO_KERNEL = "refused before the kernel is asked, on every kernel alike, and seconds each in emulation";

let pair: Veth;
let here: Folder;
beforeAll(() => void requireBpffs(openKernel(), () => {}));
beforeEach(({ task, skip }) => {
  skip(EMULATED && task.meta.asksNoKernel === true, NO_KERNEL);
  pair = veth("xe");
  here = folder();
  // Logs of the verifier go with the folder.
  vi.stubEnv("TMPDIR", here.path);
  return async () => {
    vi.unstubAllEnvs();
    const { status, err } = await run(["detach", pair.far]);
    pair[Symbol.dispose]();
    here[Symbol.dispose]();
    expect({ status, err }).toEqual({ status: 0, err: "" });
  };
});

const chain = (...programs: readonly string[]): string =>
  here.write("chain.yaml", ["chain: xe", "programs:", ...programs.map((text) => `  - ${text}`), ""].join("\n"));

interface Bad {
  readonly what: string;
  /** Writes the input and returns the path of the chain. */
  readonly make: () => string;
  readonly status: 1 | 2;
  readonly code: string;
  readonly words: readonly (string | RegExp)[];
}

const BAD: readonly Bad[] = [
  {
    what: "no such chain",
    make: () => (chain(`{ name: a, object: ${here.object("denylist")} }`), `${here.path}/chian.yaml`),
    status: 2,
    code: "file-unreadable",
    words: ["chian.yaml does not exist", /did you mean .*\/chain\.yaml\?/],
  },
  {
    what: "no such object",
    make: () => (here.object("denylist"), chain("{ name: deny, object: denilyst.bpf.o }")),
    status: 2,
    code: "file-unreadable",
    words: ["program deny", "denilyst.bpf.o does not exist", /did you mean .*denylist\.bpf\.o\?/],
  },
  {
    what: "a folder for an object",
    make: () => chain("{ name: deny, object: . }"),
    status: 2,
    code: "file-unreadable",
    words: ["program deny", "is a directory"],
  },
  {
    what: "an object that is not ELF",
    make: () => (here.write("deny.c", "int main(void) { return 0; }\n"), chain("{ name: deny, object: deny.c }")),
    status: 2,
    code: "object-invalid",
    words: ["deny", "deny.c", "not an ELF"],
  },
  {
    what: "an object that is empty",
    make: () => (here.write("deny.bpf.o", ""), chain("{ name: deny, object: deny.bpf.o }")),
    status: 2,
    code: "object-invalid",
    words: ["deny", "deny.bpf.o", /empty|0 bytes|not an ELF/],
  },
  {
    what: "an ELF file for this machine's processor",
    make: () => (here.write("deny", readFileSync("/bin/true")), chain("{ name: deny, object: deny }")),
    status: 2,
    code: "object-invalid",
    words: ["deny", /BPF/],
  },
  {
    what: "an ELF object without XDP program",
    make: () => chain(`{ name: classifier, object: ${here.object("no-xdp")} }`),
    status: 2,
    code: "object-invalid",
    words: ["classifier", "no-xdp.bpf.o", "no XDP program", "section `xdp`", "classify in section tc"],
  },
  {
    what: "several programs and no function",
    make: () => chain(`{ name: pair, object: ${here.object("two")} }`),
    status: 2,
    code: "chain-invalid",
    words: ["pair", "two.bpf.o", "xdp_first", "xdp_second", "function"],
  },
  {
    what: "a function that the object has not",
    make: () => chain(`{ name: pair, object: ${here.object("two")}, function: xdp_frist }`),
    status: 2,
    code: "chain-invalid",
    words: ["pair", "xdp_frist", "xdp_first"],
  },
  {
    what: "two bad objects at once",
    make: () => (
      here.write("a.o", "a"),
      chain("{ name: one, object: a.o }", `{ name: two, object: ${here.object("no-xdp")} }`)
    ),
    status: 2,
    code: "object-invalid",
    words: ["one", "a.o", "two", "no-xdp.bpf.o"],
  },
  {
    what: "an empty proceed-on",
    make: () => chain(`{ name: deny, object: ${here.object("denylist")}, proceed-on: [] }`),
    status: 2,
    code: "chain-invalid",
    words: [/chain\.yaml:3:\d+: error: `proceed-on` of program `deny`/, "at least one action", /\^/],
  },
  {
    what: "a name that is too long",
    make: () => chain(`{ name: ${"n".repeat(65)}, object: ${here.object("denylist")} }`),
    status: 2,
    code: "chain-invalid",
    words: [/chain\.yaml:3:\d+: error: `name` .* at most 64 characters/],
  },
  {
    what: "equal names",
    make: () => {
      const object = here.object("denylist");
      return chain(`{ name: deny, object: ${object} }`, `{ name: deny, object: ${object} }`);
    },
    status: 2,
    code: "chain-invalid",
    words: [/chain\.yaml:4:\d+: error: two programs are named `deny`/, /chain\.yaml:3:\d+: note: the first one/],
  },
  {
    what: "a file that is broken in ten ways at once",
    make: () => fileURLToPath(new URL("../../cases/chain-errors/ten-mistakes.yaml", import.meta.url)),
    status: 2,
    code: "chain-invalid",
    words: [/(error:[\s\S]*){10}/, "did you mean `priority`?", "10 mistakes in"],
  },
  {
    what: "a chain that is an object file",
    make: () => `${here.path}/${here.object("denylist")}`,
    status: 2,
    code: "chain-invalid",
    words: ["denylist.bpf.o"],
  },
  {
    what: "more programs than the kernel allows",
    make: () => {
      here.write("pass.bpf.o", objectOf("pass", [mov64Imm(R0, 2), exit()]));
      return chain(...Array.from({ length: 256 }, (_, k) => `{ name: p${k}, object: pass.bpf.o }`));
    },
    status: 2,
    code: "limit",
    words: ["256"],
  },
];

describe.each(["before anything runs", "while a chain runs"])("%s", (when) => {
  const running = when === "while a chain runs";
  const shown = async (): Promise<readonly AttachmentStatus[]> =>
    json(await run(["status", "--json", pair.far])) as AttachmentStatus[];
  let old: readonly AttachmentStatus[];
  beforeEach(async () => {
    if (!running) return;
    expect(await run(["apply", numberedChain(here, "good", [1, 2]), "--dev", pair.far])).toMatchObject({ status: 0 });
    old = await shown();
  });

  it.for(BAD)("$what", { meta: { asksNoKernel: true } }, async ({ make, status, code, words }) => {
    const path = make();
    const before = snapshot();
    const ended = await run(["apply", path, "--dev", pair.far]);
    expectRefusal(ended, status, ...words);
    expect(ended.out).toBe("");
    await expectUnchanged(before);
    if (running) expect(await shown()).toEqual(old);

    const again = await run(["apply", path, "--dev", pair.far, "--json"]);
    expect(again.status).toBe(status);
    expect(JSON.parse(again.out)).toMatchObject({ error: { code } });
    const built = await run(["build", path, "-o", `${here.path}/built.bpf.o`]);
    expectRefusal(built, status, ...words);
    expect(existsSync(`${here.path}/built.bpf.o`)).toBe(false);
    await expectUnchanged(before);
  });

  it.each(loaderLinkages)("a program that the verifier rejects, by %s", async (linkage) => {
    const good = `{ name: good, object: ${here.object("counter")} }`;
    const path = chain(good, `{ name: reckless, object: ${here.object("rejected")} }`);
    const before = snapshot();
    const ended = await run(["apply", path, "--dev", pair.far, "--linkage", linkage]);
    expectRefusal(
      ended,
      1,
      "program reckless",
      "rejected.bpf.o",
      "EACCES",
      /invalid access to packet, off=13 size=1, R\d\(id=0,off=13,r=0\)/,
    );
    const log = /The whole log is in (\S+)/.exec(ended.err)?.[1];
    const whole = readFileSync(log!, "utf8");
    expect(whole).toContain("invalid access to packet");
    expect(whole.length).toBeGreaterThan(200);
    await expectUnchanged(before);
    if (running) expect(await shown()).toEqual(old);
  });

  it("an unknown interface", async () => {
    const path = numberedChain(here, "chain", [1]);
    const before = snapshot();
    for (const argv of [
      ["apply", path, "--dev", "xe-11"],
      ["status", "xe-11"],
      ["detach", "xe-11"],
    ]) {
      expectRefusal(await run(argv), 1, "no interface xe-11", /did you mean xe-[01]\?/);
    }
    await expectUnchanged(before);
    if (running) expect(await shown()).toEqual(old);
  });
});

describe("a program of somebody else is on the interface", () => {
  const chainPath = (): string => numberedChain(here, "chain", [1]);
  const load = (): string => {
    const pin = `/sys/fs/bpf/xe-foreign-${process.pid}`;
    execFileSync("bpftool", ["prog", "load", here.path + "/" + here.object("action"), pin, "type", "xdp"]);
    return pin;
  };
  let undo: (() => void)[] = [];
  afterEach(() => {
    for (const step of undo.splice(0).toReversed()) step();
    undo = [];
  });

  it.for(["xdpdrv", "xdpgeneric"])("put there by `ip link set %s`", async (mode, context) => {
    leftToHost(context);
    execFileSync("ip", [
      "link",
      "set",
      "dev",
      pair.far,
      mode,
      "object",
      `${here.path}/${here.object("action")}`,
      "section",
      "xdp",
    ]);
    await expectRefused(mode === "xdpdrv" ? "native" : "generic");
  });

  it.for(["xdpdrv", "xdpgeneric"])("put there by `bpftool net attach %s`", async (mode, context) => {
    leftToHost(context);
    const pin = load();
    undo.push(() => execFileSync("rm", [pin]));
    execFileSync("bpftool", ["net", "attach", mode, "pinned", pin, "dev", pair.far]);
    await expectRefused(mode === "xdpdrv" ? "native" : "generic");
  });

  it.for(["native", "generic"] as const)("put there by a link in %s mode", async (mode, context) => {
    leftToHost(context);
    const kernel = openKernel();
    using object = kernel.openObject(readFileSync(`${here.path}/${here.object("action")}`), "theirs");
    object.programs[0]!.makeXdp();
    object.load();
    using link = kernel.linkXdp(object.programs[0]!.fd(), kernel.interfaceIndex(pair.far), mode);
    await expectRefused(mode);
    expect(kernel.linkInfo(link.number).ifindex, "taken over at last").toBe(0);
  });

  async function expectRefused(mode: string): Promise<void> {
    const path = chainPath();
    const before = snapshot();
    for (const option of EMULATED ? [[]] : [[], ["--mode", "native"], ["--mode", "generic"]]) {
      const ended = await run(["apply", path, "--dev", pair.far, ...option]);
      expectRefusal(ended, 1, pair.far, /XDP program \d+ \(\w+\)/, `in ${mode} mode`, "not xdpgen's", "--replace");
      await expectUnchanged(before);
    }
    const answer = await run(["apply", path, "--dev", pair.far, "--json"]);
    expect(JSON.parse(answer.out)).toMatchObject({ error: { code: "interface-occupied" } });
    expectRefusal(await run(["status", pair.far]), 1, `xdpgen has nothing on ${pair.far}`);
    expect(await run(["detach", pair.far])).toMatchObject({ status: 0 });
    await expectUnchanged(before);
    expect(await run(["apply", path, "--dev", pair.far, "--replace"])).toMatchObject({ status: 0 });
    expect(await run(["status", pair.far])).toMatchObject({ status: 0 });
  }
});
