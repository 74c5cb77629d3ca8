/**
 * Packages of any Debian suite, without root and without the system noticing.
 *
 * In: the name of a suite, and the machine's own apt sources, which name the mirror and its key. Out: downloaded packages,
 * whose sums apt has checked against the signed lists, and their files in a folder. Nothing is installed.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ScriptFailure } from "./failure.ts";
import { requireCommand, run } from "./run.ts";

/** Suites that share one archive with each other. Security and update archives live elsewhere and hold only some packages. */
const debianSuites = new Set(
  "bullseye bookworm trixie forky sid oldoldstable oldstable stable testing unstable".split(" "),
);

/** One Debian archive as the machine's own sources name it. */
export type Mirror = { readonly uri: string; readonly signedBy: string | undefined };

/**
 * Picks the Debian mirror out of what `apt-get indextargets` prints, one `URI|RELEASE|ORIGIN|SIGNED_BY` a line. apt
 * fills a field only when it knows it, and leaves the placeholder otherwise: the origin is unknown until the lists are
 * there, and then the release is what decides.
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

/** An apt with its own sources, lists and cache inside one folder. Proxies and keys are the system's. */
export type PrivateApt = { readonly suite: string; readonly folder: string; readonly config: string };

/** The Debian mirror of this machine's sources, asked for twice: a machine whose lists were never fetched has no origins. */
async function findMirror(): Promise<Mirror | undefined> {
  const aptGet = requireCommand("apt-get", "apt");
  const format = ["--format", "$(REPO_URI)|$(RELEASE)|$(ORIGIN)|$(SIGNED_BY)"];
  for (const words of [format, ["--no-release-info", ...format]]) {
    const mirror = pickMirror((await run("reading apt's sources", aptGet, ["indextargets", ...words])).toString());
    if (mirror !== undefined) return mirror;
  }
  return undefined;
}

/** Makes a private apt in an existing empty folder and fetches the package lists of one suite. */
export async function openApt(folder: string, suite: string): Promise<PrivateApt> {
  const mirror = await findMirror();
  if (mirror === undefined) {
    throw new ScriptFailure(`no Debian mirror among this machine's apt sources, and ${suite} is a suite of Debian`, 2);
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
  const words = ["-c", config, "-q", "--error-on=any", "update"];
  await run(`fetching the package lists of Debian ${suite}`, requireCommand("apt-get", "apt"), words);
  return { suite, folder, config };
}

/** What `apt-cache` answers about the suite's packages, in lines. */
export async function askCache(apt: PrivateApt, ...words: readonly string[]): Promise<string[]> {
  const answer = await run(`asking apt for ${words.join(" ")}`, requireCommand("apt-cache", "apt"), [
    "-c",
    apt.config,
    ...words,
  ]);
  return answer.toString().split("\n");
}

/** A package and everything that it depends on, itself first; alternatives and virtual packages are all followed. */
export async function closure(apt: PrivateApt, name: string): Promise<string[]> {
  const kinds = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
  const lines = await askCache(apt, "depends", "--recurse", ...kinds.map((kind) => `--no-${kind}`), name);
  // `NAME` starts an entry, ` Depends: NAME` is inside one, and `<NAME>` is virtual: what provides it has its own entry.
  return lines.filter((line) => /^[a-z0-9]/.test(line));
}

/** Downloads packages into the private apt's folder. */
export async function download(apt: PrivateApt, packages: readonly string[]): Promise<void> {
  const what = packages.length > 3 ? `${packages.length} packages of ${apt.suite}` : packages.join(" and ");
  const words = ["-c", apt.config, "-q", "download", ...packages];
  await run(`downloading ${what}`, requireCommand("apt-get", "apt"), words, apt.folder);
}

/** Unpacks what was downloaded into `files` of the private apt's folder, without running the packages' scripts. */
export async function unpack(apt: PrivateApt): Promise<string> {
  const dpkg = requireCommand("dpkg-deb", "dpkg");
  const files = join(apt.folder, "files");
  for (const archive of readdirSync(apt.folder).filter((name) => name.endsWith(".deb"))) {
    await run(`unpacking ${archive}`, dpkg, ["-x", join(apt.folder, archive), files]);
  }
  if (!existsSync(files)) throw new ScriptFailure(`apt-get download left no package in ${apt.folder}`);
  return files;
}
