import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { VmFailure } from "./failure.ts";
import { requireCommand, run } from "./run.ts";

/** Suites that share one archive with each other. Security and update archives live elsewhere and hold only some packages. */
const debianSuites = new Set(
  "bullseye bookworm trixie forky sid oldoldstable oldstable stable testing unstable".split(" "),
);

/** One Debian archive as the machine's own sources name it. */
export type Mirror = { readonly uri: string; readonly signedBy: string | undefined };

/**
 * Picks the Debian mirror out of what `apt-get indextargets` prints, one `URI|RELEASE|ORIGIN|SIGNED_BY` a line. apt
 * fills a field only when it knows it, and leaves the placeholder otherwise: before the first `apt-get update` the
 * origin is unknown, so the release is what decides.
 */
export function pickMirror(targets: string): Mirror | undefined {
  for (const line of targets.split("\n")) {
    const [uri = "", release = "", origin = "", signedBy = ""] = line.trim().split("|");
    const debian = origin === "Debian" || origin.startsWith("$(");
    if (debian && debianSuites.has(release)) {
      return { uri, signedBy: signedBy === "" || signedBy.startsWith("$(") ? undefined : signedBy };
    }
  }
  return undefined;
}

/** The kernel's real packages among a package's dependencies: `linux-image-6.1.0-50-amd64`, `linux-modules-7.2…`. */
export const kernelPackages = (depends: string): string[] =>
  depends
    .split(",")
    .map((entry) => entry.trim().split(/[ :]/)[0] ?? "")
    .filter((name) => /^linux-(image|binary|modules|base)-\d/.test(name));

/**
 * An apt with its own sources, lists and cache inside one folder, so that packages of another Debian suite can be
 * fetched without root and without the system noticing. Proxies and keys are the system's; sums are checked by apt.
 */
export type PrivateApt = { readonly folder: string; readonly config: string };

/** Makes a private apt in an existing empty folder and fetches the package lists of one suite. */
export async function openApt(folder: string, suite: string): Promise<PrivateApt> {
  const aptGet = requireCommand("apt-get", "apt");
  const targets = await run("reading apt's sources", aptGet, [
    "indextargets",
    "--format",
    "$(REPO_URI)|$(RELEASE)|$(ORIGIN)|$(SIGNED_BY)",
  ]);
  const mirror = pickMirror(targets.toString());
  if (mirror === undefined) {
    throw new VmFailure("no Debian mirror among this machine's apt sources; the kernels are Debian packages", 2);
  }
  for (const path of ["lists/partial", "cache/archives/partial", "parts"]) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  const signedBy = mirror.signedBy === undefined ? "" : `[signed-by=${mirror.signedBy}] `;
  writeFileSync(join(folder, "sources.list"), `deb ${signedBy}${mirror.uri} ${suite} main\n`);
  const config = join(folder, "apt.conf");
  // The hooks and the sandbox user are the system's: the hooks would touch its files, and `_apt` cannot write here.
  writeFileSync(
    config,
    `Dir::Etc::SourceList "${join(folder, "sources.list")}";
Dir::Etc::SourceParts "${join(folder, "parts")}";
Dir::State::Lists "${join(folder, "lists")}";
Dir::State::status "/dev/null";
Dir::Cache "${join(folder, "cache")}";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
`,
  );
  // Without `--error-on=any` apt-get reports an unreachable mirror as a warning and ends with 0.
  await run(`fetching the package lists of Debian ${suite}`, aptGet, ["-c", config, "-q", "--error-on=any", "update"]);
  return { folder, config };
}

/** The real kernel packages behind Debian's `linux-image-amd64`, which since 7.x are two: one of them holds the modules. */
export async function resolveKernel(apt: PrivateApt): Promise<string[]> {
  const aptCache = requireCommand("apt-cache", "apt");
  const found = new Set<string>();
  const queue = ["linux-image-amd64"];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const show = ["-c", apt.config, "show", "--no-all-versions", name];
    const record = await run(`reading the record of ${name}`, aptCache, show);
    const depends = /^Depends: (.*)$/m.exec(record.toString())?.[1] ?? "";
    const next = kernelPackages(depends).filter((each) => !found.has(each));
    next.forEach((each) => found.add(each));
    queue.push(...next);
  }
  return [...found];
}

/** Downloads packages into the private apt's folder; apt checks their sums against the signed lists. */
export async function download(apt: PrivateApt, packages: readonly string[]): Promise<void> {
  const aptGet = requireCommand("apt-get", "apt");
  await run(
    `downloading ${packages.join(" and ")}`,
    aptGet,
    ["-c", apt.config, "-q", "download", ...packages],
    apt.folder,
  );
}
