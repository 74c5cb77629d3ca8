/**
 * Before any test: the programs that tests start in processes of their own are bundled. From its sources such a program would
 * take ten times as long to start, and in a guest half a minute.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundleForTests } from "../../scripts/bundle.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the bundled programs. */
    programs: string;
  }
}

/** Environment variable: that folder, where whoever runs the tests has made it. */
const PROGRAMS_VARIABLE = "XDPGEN_TEST_PROGRAMS";

export default async function setup(project: TestProject): Promise<() => void> {
  const ready = process.env[PROGRAMS_VARIABLE];
  if (ready !== undefined) {
    project.provide("programs", ready);
    return () => {};
  }
  const folder = mkdtempSync(join(tmpdir(), "xdpgen-programs-"));
  // Some tests are other users.
  chmodSync(folder, 0o755);
  const remove = (): void => rmSync(folder, { recursive: true });
  try {
    await bundleForTests(folder);
  } catch (error) {
    remove();
    throw error;
  }
  project.onTestsRerun(() => bundleForTests(folder));
  project.provide("programs", folder);
  return remove;
}
