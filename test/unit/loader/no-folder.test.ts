/** What somebody else has put where a folder of xdpgen's is to be: named, and left alone. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { attach } from "../../../src/loader/attachment.ts";
import type { Machine } from "../../../src/loader/machine/machine.ts";
import { preview } from "../../../src/loader/report/preview.ts";
import { status } from "../../../src/loader/report/status.ts";
import { detach } from "../../../src/loader/swap/detach.ts";
import { rollback } from "../../../src/loader/swap/rollback.ts";
import { numbered } from "../../support/verdict-program.ts";
import { chain, world } from "./world.ts";

const one = chain("call", numbered(1));
const COMMANDS: readonly ((machine: Machine) => Promise<unknown>)[] = [
  (machine) => attach(one, "lo", { machine }),
  (machine) => preview(one, "lo", { machine }),
  (machine) => rollback("lo", { machine }),
  (machine) => detach("lo", { machine }),
];

const refused = (path: string, kind: string): object => ({
  code: "environment",
  message: expect.stringContaining(
    `${path} is ${kind}, and xdpgen keeps its pins in a folder of that name; nothing was changed: remove it`,
  ) as string,
});

it("the root of all pins", async () => {
  using w = world();
  writeFileSync(w.root, "");
  const expected = refused(w.root, "a pin or another file");
  for (const command of COMMANDS) await expect(command(w.machine())).rejects.toMatchObject(expected);
  expect(() => status(undefined, w.machine())).toThrow(expect.objectContaining(expected));
  expect(w.kernel.openFds).toBe(0);
});

it("the folder of one attachment; others go on", async () => {
  using w = world();
  w.kernel.interfaces.set("b", 2);
  mkdirSync(w.root);
  const dir = `${w.root}/42-1`;
  symlinkSync("nowhere", dir);
  const expected = refused(dir, "a symbolic link that leads nowhere");
  for (const command of COMMANDS) await expect(command(w.machine())).rejects.toMatchObject(expected);
  await attach(one, "b", { machine: w.machine() });
  expect(status(undefined, w.machine())).toMatchObject([{ interface: "b" }]);
});
