/** The versions of a chain under all the ways in which files change. Only events of the kernel count here: no rescan comes in time. */
import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileWatch } from "../../../src/loader/watch/file-watch.ts";
import { type ChainVersion, watchChain, type WatchOptions } from "../../../src/loader/watch/watch.ts";
import { frame, ethernet } from "../../../src/packets/index.ts";
import { verdictObject } from "../../support/verdict-program.ts";

let folder: string;
let end: AbortController;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "xdpgen-watch-"));
  end = new AbortController();
});
afterEach(() => {
  end.abort();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);
const text = (...programs: readonly string[]): string =>
  `chain: edge\nprograms:\n${programs.map((p) => `  - { name: ${p}, object: ${p}.o }\n`).join("")}`;

/** Versions in the order of their coming; `next` waits for one. */
function versions(path = at("chain.yaml"), options: WatchOptions = {}) {
  const stream = watchChain(path, { quiet: 60, patience: 400, rescan: 3_600_000, signal: end.signal, ...options });
  const names = (version: ChainVersion): string =>
    "chain" in version ? version.chain.programs.map(({ name }) => name).join(" ") : version.error.code;
  return {
    next: async (): Promise<string> => {
      const late = setTimeout(5000, "nothing came", { ref: false });
      const came = stream.next().then(({ value, done }) => (done ? "the end" : names(value)));
      return Promise.race([came, late]);
    },
  };
}

function objects(...names: readonly string[]): void {
  names.forEach((name, k) => writeFileSync(at(`${name}.o`), verdictObject(k)));
}

/** What a version is from `before` to `after`, whatever happens between. */
async function expectVersions(
  before: string,
  change: () => unknown,
  after: string,
  path = at("chain.yaml"),
): Promise<void> {
  const { next } = versions(path);
  expect(await next()).toBe(before);
  const coming = next();
  // The watches are there when nothing is left to do.
  await setTimeout(150);
  await change();
  expect(await coming).toBe(after);
}

describe("a chain", () => {
  beforeEach(() => {
    objects("a", "b");
    writeFileSync(at("chain.yaml"), text("a"));
  });

  it("is written in place", () => expectVersions("a", () => writeFileSync(at("chain.yaml"), text("b")), "b"));

  it("is renamed over", () =>
    expectVersions(
      "a",
      () => {
        writeFileSync(at(".chain.yaml.swp"), text("b"));
        renameSync(at(".chain.yaml.swp"), at("chain.yaml"));
      },
      "b",
    ));

  it("is moved away, and written anew", () =>
    expectVersions(
      "a",
      async () => {
        renameSync(at("chain.yaml"), at("chain.yaml~"));
        await setTimeout(200);
        writeFileSync(at("chain.yaml"), text("b"));
      },
      "b",
    ));

  it("is named from the folder that it is in, which is removed and made anew", async () => {
    const before = process.cwd();
    mkdirSync(at("sub"));
    process.chdir(at("sub"));
    try {
      writeFileSync("a.o", verdictObject(1));
      writeFileSync("chain.yaml", text("a"));
      await expectVersions(
        "a",
        async () => {
          rmSync(at("sub"), { recursive: true });
          await setTimeout(100);
          mkdirSync(at("sub"));
          writeFileSync(at("sub/b.o"), verdictObject(2));
          writeFileSync(at("sub/chain.yaml"), text("b"));
        },
        "b",
        "chain.yaml",
      );
    } finally {
      process.chdir(before);
    }
  });

  it("is truncated, and written in two steps", () =>
    expectVersions(
      "a",
      async () => {
        truncateSync(at("chain.yaml"), 0);
        await setTimeout(40);
        writeFileSync(at("chain.yaml"), text("a"));
        await setTimeout(40);
        appendFileSync(at("chain.yaml"), "  - { name: b, object: b.o }\n");
      },
      "a b",
    ));

  it("is half-written for longer than it is waited for, then whole", () =>
    expectVersions(
      "a",
      async () => {
        writeFileSync(at("chain.yaml"), "chain: edge\nprograms: [");
        await setTimeout(250);
        writeFileSync(at("chain.yaml"), text("b"));
      },
      "b",
    ));

  it("is bad, and is told when it stays so; then it is good again", async () => {
    const { next } = versions();
    expect(await next()).toBe("a");
    writeFileSync(at("chain.yaml"), "chain: edge\nprograms: [");
    expect(await next()).toBe("chain-invalid");
    writeFileSync(at("chain.yaml"), text("b"));
    expect(await next()).toBe("b");
    rmSync(at("chain.yaml"));
    expect(await next()).toBe("file-unreadable");
    writeFileSync(at("chain.yaml"), text("a", "b"));
    expect(await next()).toBe("a b");
  });

  it("changes many times while a version is applied: the next one is the last", async () => {
    const { next } = versions();
    expect(await next()).toBe("a");
    for (let i = 0; i < 20; i++) {
      writeFileSync(at("chain.yaml"), text(i % 2 ? "a" : "b"));
      await setTimeout(10);
    }
    writeFileSync(at("chain.yaml"), text("b", "a"));
    await setTimeout(200);
    expect(await next()).toBe("b a");
  });

  it("does not come again for what it does not name, nor for what is put back as it was", async () => {
    const { next } = versions();
    await next();
    const coming = next();
    await setTimeout(150);
    writeFileSync(at("other.yaml"), "x");
    renameSync(at("chain.yaml"), at("away"));
    renameSync(at("away"), at("chain.yaml"));
    expect(await Promise.race([coming, setTimeout(600, "nothing")])).toMatch(/^nothing$|^a$/);
  });

  it("ends with the signal, at once, and leaves no watch", async () => {
    const inotify = (): number =>
      readdirSync("/proc/self/fdinfo").reduce((sum, fd) => {
        try {
          return sum + (readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").match(/^inotify wd/gm)?.length ?? 0);
        } catch {
          return sum;
        }
      }, 0);
    const before = inotify();
    const { next } = versions();
    await next();
    const coming = next();
    await setTimeout(50);
    expect(inotify()).toBeGreaterThan(before);
    end.abort();
    expect(await coming).toBe("the end");
    expect(inotify()).toBe(before);
  });
});

describe("an object", () => {
  it("is there later, in a folder that is there later", async () => {
    writeFileSync(at("chain.yaml"), "chain: edge\nprograms: [{ name: a, object: build/out/a.o }]\n");
    const { next } = versions();
    expect(await next()).toBe("file-unreadable");
    const coming = next();
    await setTimeout(150);
    mkdirSync(at("build"));
    await setTimeout(100);
    mkdirSync(at("build/out"));
    await setTimeout(100);
    writeFileSync(at("build/out/a.o"), verdictObject(1));
    expect(await coming).toBe("a");
  });

  it("is made anew by a compiler, in two steps, with its folder removed and made again", async () => {
    mkdirSync(at("out"));
    writeFileSync(at("out/a.o"), verdictObject(1));
    writeFileSync(at("chain.yaml"), "chain: edge\nprograms: [{ name: a, object: out/a.o }]\n");
    const stream = watchChain(at("chain.yaml"), { quiet: 60, patience: 1000, rescan: 3_600_000, signal: end.signal });
    await stream.next();
    for (const k of [2, 3]) {
      const coming = stream.next();
      await setTimeout(150);
      rmSync(at("out"), { recursive: true });
      await setTimeout(100);
      mkdirSync(at("out"));
      await setTimeout(100);
      const bytes = verdictObject(k);
      writeFileSync(at("out/a.o"), bytes.subarray(0, 100));
      await setTimeout(150);
      appendFileSync(at("out/a.o"), bytes.subarray(100));
      const { value } = await coming;
      const made = value && "chain" in value ? value.chain.programs[0]!.bytes : undefined;
      expect(made && Buffer.from(made).equals(bytes)).toBe(true);
    }
  });

  it("is in a folder that another takes the place of, and is changed there", async () => {
    for (const [name, k] of [
      ["out", 1],
      ["new", 2],
    ] as const) {
      mkdirSync(at(name));
      writeFileSync(at(`${name}/a.o`), verdictObject(k));
    }
    writeFileSync(at("chain.yaml"), "chain: edge\nprograms: [{ name: a, object: out/a.o }]\n");
    const { next } = versions();
    expect(await next()).toBe("a");
    renameSync(at("out"), at("old"));
    renameSync(at("new"), at("out"));
    expect(await next()).toBe("a");
    const coming = next();
    await setTimeout(150);
    writeFileSync(at("out/a.o"), verdictObject(3));
    expect(await coming).toBe("a");
  });

  it("is no longer watched when the chain names it no more", async () => {
    objects("a", "b");
    writeFileSync(at("chain.yaml"), text("a"));
    const { next } = versions();
    await next();
    writeFileSync(at("chain.yaml"), text("b"));
    expect(await next()).toBe("b");
    const coming = next();
    await setTimeout(100);
    objects("a");
    expect(await Promise.race([coming, setTimeout(500, "nothing")])).toBe("nothing");
    writeFileSync(at("b.o"), verdictObject(9));
    expect(await coming).toBe("b");
  });

  it("may be a capture that a check names", async () => {
    objects("a");
    const check = "checks: [{ name: c, packet: one.pcap, expect: pass }]\n";
    writeFileSync(at("chain.yaml"), `${text("a")}${check}`);
    const { next } = versions();
    expect(await next()).toBe("file-unreadable");
    writeFileSync(at("one.pcap"), frame(ethernet()));
    expect(await next()).toBe("a");
  });
});

describe("symbolic links", () => {
  it("a link that leads to another file, and a change of that file", async () => {
    for (const name of ["one", "two"]) mkdirSync(at(name));
    objects("a", "b");
    for (const name of ["one", "two"]) for (const object of ["a.o", "b.o"]) cpSync(at(object), at(`${name}/${object}`));
    writeFileSync(at("one/chain.yaml"), text("a"));
    writeFileSync(at("two/chain.yaml"), text("b"));
    symlinkSync("one/chain.yaml", at("chain.yaml"));
    const { next } = versions();
    expect(await next()).toBe("a");
    symlinkSync("two/chain.yaml", at("new"));
    const coming = next();
    await setTimeout(150);
    renameSync(at("new"), at("chain.yaml"));
    expect(await coming).toBe("b");
    const after = next();
    await setTimeout(150);
    writeFileSync(at("two/chain.yaml"), text("b", "a"));
    expect(await after).toBe("b a");
  });

  it("a folder behind a link, swapped as Kubernetes swaps a mounted configuration", async () => {
    for (const [name, program] of [
      ["..1", "a"],
      ["..2", "b"],
      ["..3", "c"],
    ] as const) {
      mkdirSync(at(name));
      writeFileSync(at(`${name}/chain.yaml`), text(program));
    }
    objects("a", "b", "c");
    symlinkSync("..1", at("..data"));
    symlinkSync("..data/chain.yaml", at("chain.yaml"));
    const { next } = versions();
    expect(await next()).toBe("a");
    for (const [target, program] of [
      ["..2", "b"],
      ["..3", "c"],
    ] as const) {
      const coming = next();
      await setTimeout(150);
      symlinkSync(target, at("..tmp"));
      renameSync(at("..tmp"), at("..data"));
      expect(await coming).toBe(program);
    }
  });

  it("that lead in a circle are a chain that cannot be read, and no hang", async () => {
    symlinkSync("chain.yaml", at("chain.yaml"));
    const { next } = versions();
    expect(await next()).toBe("file-unreadable");
    objects("a");
    rmSync(at("chain.yaml"));
    writeFileSync(at("chain.yaml"), text("a"));
    expect(await next()).toBe("a");
  });
});

it("sees a change that leaves size and time as they were", async () => {
  writeFileSync(at("x"), "one");
  const then = new Date(1_700_000_000_000);
  utimesSync(at("x"), then, then);
  using files = fileWatch({ quiet: 20, rescan: 3_600_000, signal: end.signal });
  files.follow([at("x")]);
  expect(await files.changed(50)).toBe(false);
  writeFileSync(at("x"), "two");
  utimesSync(at("x"), then, then);
  expect(await files.changed(2000)).toBe(true);
  expect(await files.changed(50)).toBe(false);
});

it("looks from time to time where no event comes, as below /proc", async () => {
  const child = spawn("sleep", ["60"]);
  using files = fileWatch({ quiet: 20, rescan: 50, signal: end.signal });
  files.follow([`/proc/${child.pid}/stat`]);
  expect(await files.changed(200)).toBe(false);
  child.kill();
  expect(await files.changed(5000)).toBe(true);
});

it("looks from time to time at most where the time is longer than a timer can be", async () => {
  const warned: string[] = [];
  const hear = ({ name }: Error): void => void warned.push(name);
  process.on("warning", hear);
  try {
    writeFileSync(at("x"), "one");
    using files = fileWatch({ quiet: 20, rescan: 2 ** 40, signal: end.signal });
    files.follow([at("x")]);
    const changed = files.changed();
    await setTimeout(50);
    writeFileSync(at("x"), "two");
    expect(await changed).toBe(true);
  } finally {
    process.off("warning", hear);
  }
  // Node ends such a timer after a millisecond, and says so.
  expect(warned).not.toContain("TimeoutOverflowWarning");
});

it("tells a version again after the time that its receiver asks for, and a change before that", async () => {
  objects("a", "b");
  writeFileSync(at("chain.yaml"), text("a"));
  const waits = [200, 200, 3_600_000, undefined];
  const seen = versions(at("chain.yaml"), { retryAfter: () => waits.shift() });
  expect(await seen.next()).toBe("a");
  expect(await seen.next()).toBe("a");
  expect(await seen.next()).toBe("a");
  const changed = seen.next();
  writeFileSync(at("chain.yaml"), text("a", "b"));
  expect(await changed).toBe("a b");
  const last = seen.next();
  end.abort();
  expect(await last).toBe("the end");
});
