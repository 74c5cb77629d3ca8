import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ScriptFailure } from "../../../scripts/debian/failure.ts";
import { inLanes } from "../../../scripts/test/lanes.ts";
import { parseMatrixLine } from "../../../scripts/test/matrix-line.ts";
import { openSections } from "../../../scripts/test/sections.ts";

describe("sections", () => {
  test("are read one after the other, the first as it comes", () => {
    let text = "";
    const open = openSections((chunk) => void (text += chunk.toString()));
    const [a, b, c] = [open("a"), open("b"), open("c")];
    b.write("b1\n");
    a.write("a1\n");
    expect(text).toBe("\n── a ──\na1\n");
    b.end();
    c.write("c1\n");
    expect(text).toBe("\n── a ──\na1\n");
    a.end();
    expect(text).toBe("\n── a ──\na1\n\n── b ──\nb1\n\n── c ──\nc1\n");
    c.write("c2\n");
    expect(text.endsWith("c1\nc2\n")).toBe(true);
  });
});

describe("lanes", () => {
  test("hold so many tasks at a time, begun in order, and give results in order", async () => {
    let running = 0;
    let most = 0;
    const begun: number[] = [];
    const task = (number: number, milliseconds: number) => async () => {
      begun.push(number);
      most = Math.max(most, ++running);
      await setTimeout(milliseconds);
      running--;
      return number;
    };
    expect(await inLanes(2, [task(0, 30), task(1, 1), task(2, 1), task(3, 1)])).toEqual([0, 1, 2, 3]);
    expect(begun).toEqual([0, 1, 2, 3]);
    expect(most).toBe(2);
  });

  test("let what has begun end when a task fails, and begin nothing more", async () => {
    const ended: string[] = [];
    const tasks = [
      () => Promise.reject(new Error("no")),
      async () => (await setTimeout(5), ended.push("second")),
      async () => ended.push("third"),
    ];
    await expect(inLanes(2, tasks)).rejects.toThrow("no");
    expect(ended).toEqual(["second"]);
  });
});

describe("the words of test:kernels", () => {
  test("name kernels, each once; by default all", () => {
    const line = { json: false, jobs: undefined, words: [] };
    expect(parseMatrixLine([])).toEqual({ ...line, targets: ["host", "5.10", "6.1", "6.12", "7.2"] });
    const words = ["--kernel", "7.2", "--kernel", "host", "--kernel", "7.2", "--json", "--jobs", "1", "--", "-t", "a"];
    expect(parseMatrixLine(words)).toEqual({ targets: ["7.2", "host"], json: true, jobs: 1, words: ["-t", "a"] });
    expect(parseMatrixLine(["--help"])).toBe("help");
  });

  test.each([
    [["--kernel", "5.11"], 'no kernel "5.11"; there are host, 5.10, 6.1, 6.12, 7.2'],
    [["--jobs", "0"], 'whole number from 1, not "0"'],
    [["--kernal", "5.10"], "--kernal"],
    [["swap.test.ts"], "swap.test.ts"],
  ])("%j is refused", (words, message) => {
    expect(() => parseMatrixLine(words)).toThrow(ScriptFailure);
    expect(() => parseMatrixLine(words)).toThrow(message);
  });
});
