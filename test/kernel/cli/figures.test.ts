/** What commands say of stack, instructions and time, against what bpftool shows of the same programs. */
import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AttachmentStatus, LiveFigures, VerifiedImage } from "../../../src/loader/index.ts";
import { loaderLinkages } from "../../support/linkages.ts";
import type { Veth } from "../../support/veth.ts";
import { expectRefusal, json, run, spawn } from "./command.ts";
import { expectUnchanged, type Folder, freshWorld, hostOnly, type Snapshot } from "./world.ts";

let pair: Veth;
let here: Folder;
let before: Snapshot;
beforeEach(() => void ({ pair, here, before } = freshWorld()));
afterEach(async () => {
  await run(["detach", pair.far]);
  await expectUnchanged(before);
  pair[Symbol.dispose]();
  here[Symbol.dispose]();
});

const chain = (...names: readonly string[]): string =>
  here.write(
    "chain.yaml",
    `chain: xe\nprograms:\n${names.map((name) => `  - { name: ${name}, object: ${here.object(name)} }\n`).join("")}`,
  );

interface Shown {
  readonly bytes_xlated: number;
  readonly bytes_jited: number;
  readonly bytes_memlock: number;
  readonly map_ids: readonly number[];
  /** Of a newer bpftool than Debian 12 has. */
  readonly verified_insns?: number;
}

function expectShown(id: number, figures: LiveFigures): void {
  const shown = JSON.parse(
    execFileSync("bpftool", ["-j", "prog", "show", "id", `${id}`], { encoding: "utf8" }),
  ) as Shown;
  expect(figures).toMatchObject({
    translatedBytes: shown.bytes_xlated,
    jitedBytes: shown.bytes_jited,
    memoryBytes: shown.bytes_memlock,
    maps: shown.map_ids.length,
    ...(shown.verified_insns !== undefined && { verifiedInstructions: shown.verified_insns }),
  });
}

describe.each(loaderLinkages)("linkage %s", (linkage) => {
  it("apply says what the verifier said, and status what the kernel keeps of it", async () => {
    const applied = async (...names: readonly string[]): Promise<VerifiedImage | undefined> => {
      const answer = json(await run(["apply", chain(...names), "--dev", pair.far, "--linkage", linkage, "--json"]));
      return (answer as { applied: { verified?: VerifiedImage }[] }).applied[0]!.verified;
    };
    const first = await applied("denylist", "counter");
    const [status] = json(await run(["status", pair.far, "--json"])) as AttachmentStatus[];
    const { dispatcher, programs } = status!;
    expectShown(dispatcher.id, dispatcher.figures);
    const kept = dispatcher.figures.verifiedInstructions;
    if (kept !== undefined) expect(first!.dispatcher.verifiedInstructions).toBe(kept);
    expect(first!.dispatcher.microseconds).toBeGreaterThan(0);
    expect(first!.dispatcher.frames).toHaveLength(dispatcher.figures.functions);
    expect(first!.programs.map(({ program }) => program)).toEqual(
      linkage === "freplace" ? ["denylist", "counter"] : [],
    );
    for (const program of programs) {
      if (linkage !== "freplace") expect(program).not.toHaveProperty("figures");
      else expectShown(program.id!, program.figures!);
    }
    expect((await run(["status", pair.far])).out).toMatch(
      kept === undefined
        ? /^ {2}\d functions?, \d maps?, /m
        : /^ {2}[\d,]+ instructions verified, \d functions?, \d maps?, /m,
    );

    expect(await applied("denylist", "counter")).toBeUndefined();
    const next = await applied("denylist", "counter", "echo");
    expect(next!.programs.map(({ program }) => program)).toEqual(linkage === "freplace" ? ["echo"] : []);
  });

  it("build --verify says the same without attaching, and leaves nothing loaded", async () => {
    const path = chain("denylist", "counter");
    const command = ["build", path, "--linkage", linkage, "-o", `${here.path}/out.o`, "--verify"];
    const { verified } = json(await run([...command, "--json"])) as { readonly verified: VerifiedImage };
    await expectUnchanged(before);
    const table = (await run(command)).out;
    for (const { program, ...said } of [...verified.programs, { program: "dispatcher", ...verified.dispatcher }]) {
      const number = said.verifiedInstructions.toLocaleString("en");
      expect(table).toMatch(new RegExp(`^${program} .* ${number} +\\d[\\d.]* (µs|ms|s)$`, "m"));
    }
    const apply = await run(["apply", path, "--dev", pair.far, "--linkage", linkage, "--json"]);
    const { applied } = json(apply) as { readonly applied: readonly { readonly verified: VerifiedImage }[] };
    const { verifiedInstructions, frames } = verified.dispatcher;
    expect(applied[0]!.verified.dispatcher).toMatchObject({ verifiedInstructions, frames });
  });
});

it(
  "build --verify says what it needs, and nothing is written where it has not got it",
  hostOnly("each process takes seconds to start in emulation", () => {
    const path = chain("denylist");
    chmodSync(here.path, 0o777);
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const ended = spawn(["build", path, "-o", `${here.path}/out.o`, "--verify"], nobody);
    expectRefusal(
      ended,
      1,
      "cannot have the kernel verify chain xe: this needs CAP_NET_ADMIN and CAP_SYS_ADMIN",
      "sudo",
    );
    expect(ended.out).toBe("");
  }),
);

it("build --verify names the program that the verifier refuses, as apply does", async () => {
  const refused = await run(["build", chain("denylist", "rejected"), "-o", `${here.path}/out.o`, "--verify"]);
  expectRefusal(refused, 1, /verifier refuses program rejected \(.*rejected\.bpf\.o\)[^]*The log ends with/);
  expect(refused.out).toBe("");
});
