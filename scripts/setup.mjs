/**
 * Makes a checkout ready on a Debian machine: installs missing tools, npm packages, and builds what is out of date.
 *
 *     node scripts/setup.mjs [--for build|test|soak|demo|vm]
 *
 * Plain JavaScript without imports of packages, since it runs before there are any. It says what it does in a line each
 * and nothing when nothing is to do. As root it installs with apt-get; otherwise it prints the command. Two runs at once
 * wait for each other. Exit status: 0 ready, 1 an installation or a build failed, 2 the user has to install something.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const self = fileURLToPath(import.meta.url);

/** Debian leaves /sbin out of an ordinary user's PATH. */
const commandFolders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
const libraryFolders = ["x86_64-linux-gnu", "aarch64-linux-gnu", ""].flatMap((name) =>
  ["/lib", "/usr/lib", "/usr/local/lib"].map((folder) => join(folder, name)),
);

/** @param {string} name */
const command = (name) => commandFolders.some((folder) => folder !== "" && existsSync(join(folder, name)));
/** @param {string} name */
const library = (name) => libraryFolders.some((folder) => existsSync(join(folder, name)));

/**
 * @typedef {"build" | "run" | "test" | "vm"} Purpose
 * @typedef {{ package: string, purpose: Purpose, does: string, present: () => boolean }} Tool
 */

/** @param {Purpose} purpose @param {string} name @param {string} does @param {() => boolean} present @returns {Tool} */
function tool(purpose, name, does, present) {
  return { purpose, package: name, does, present };
}

/** What each Debian package is for, and the sign that it is there, however it came.
 * @type {readonly Tool[]} */
const tools = [
  tool("build", "clang", "compiles the BPF programs", () => command("clang")),
  tool("build", "llvm", "strips and reads BPF objects", () => command("llvm-strip") && command("llvm-objdump")),
  tool("build", "libbpf-dev", "headers of BPF programs", () => existsSync("/usr/include/bpf/bpf_helpers.h")),
  tool("build", "linux-libc-dev", "the kernel's headers", () => existsSync("/usr/include/linux/bpf.h")),
  tool("run", "libbpf1", "loads programs into the kernel", () => library("libbpf.so.1")),
  tool("run", "iproute2", "makes namespaces and interfaces", () => command("ip")),
  tool("run", "iputils-ping", "sends pings over IPv4 and IPv6", () => command("ping")),
  tool("run", "bpftool", "reads what was loaded, as a witness", () => command("bpftool")),
  tool("test", "xdp-tools", "programs that others wrote", () => library("bpf/xdpfilt_dny_ip.o")),
  tool("test", "python3-jsonschema", "validates chains, as a witness", () =>
    existsSync("/usr/lib/python3/dist-packages/jsonschema"),
  ),
  tool("test", "gcc-bpf", "objects that clang did not make", () => command("bpf-gcc")),
  tool("test", "tcpdump", "reads frames, as a witness", () => command("tcpdump")),
  tool("test", "ethtool", "lets frames into the stack without a native program", () => command("ethtool")),
  tool("test", "strace", "counts system calls, as a witness", () => command("strace")),
  tool("vm", "qemu-system-x86", "the virtual machine", () => command("qemu-system-x86_64")),
  tool("vm", "busybox-static", "the guest's first programs", () => command("busybox")),
  tool("vm", "kmod", "indexes a kernel's modules", () => command("depmod") && command("modprobe")),
  tool("vm", "xz-utils", "unpacks modules", () => command("xz")),
];

/** @type {Record<string, readonly Purpose[]>} */
const goals = {
  build: ["build"],
  demo: ["build", "run"],
  test: ["build", "run", "test", "vm"],
  soak: ["build", "run", "test"],
  vm: ["vm"],
};

/** Ends the run with a message for the person in front of it. */
class Stop extends Error {
  /** @param {1 | 2} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {string} line */
const say = (line) => process.stderr.write(`setup: ${line}\n`);

/** Output goes to standard error, so that standard output stays with the command that asked for the set-up.
 * @param {string} path @param {readonly string[]} args @param {Record<string, string>} [environment] */
function succeeds(path, args, environment = {}) {
  const { status } = spawnSync(path, args, {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: { ...process.env, ...environment },
  });
  return status === 0;
}

/** @param {readonly Tool[]} missing */
function installTools(missing) {
  const words = missing.map((each) => each.package);
  const line = `apt-get install -y --no-install-recommends ${words.join(" ")}`;
  const list = missing.map((each) => `  ${each.package.padEnd(16)} ${each.does}`).join("\n");
  if (!command("apt-get")) {
    throw new Stop(2, `missing, by the names of their Debian packages; install what your system calls them:\n${list}`);
  }
  if (process.getuid?.() !== 0) throw new Stop(2, `missing:\n${list}\nas root, run\n\n    ${line}\n`);
  say(`installing ${words.join(", ")}`);
  // One at a time on the whole machine: apt-get gives up at once when another one holds the package lists.
  const install = (/** @type {string[]} */ ...args) =>
    succeeds("flock", ["/var/lib/dpkg", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", ...args], {
      DEBIAN_FRONTEND: "noninteractive",
    });
  const packages = ["install", "-y", "--no-install-recommends", ...words];
  // The lists may be missing, or name versions that the mirror has replaced: then one update and one more attempt.
  const known = spawnSync("apt-get", ["-qq", "--simulate", ...packages], { stdio: "ignore" }).status === 0;
  if (known && install(...packages)) return;
  say("updating apt's package lists");
  install("update");
  if (!install(...packages)) throw new Stop(1, `apt-get could not install ${words.join(", ")}; its reasons are above`);
}

/** Whether node_modules holds every package of package-lock.json at its version. Packages for other systems do not count. */
function packagesAreInstalled() {
  /** @param {string} path @returns {Record<string, { version?: string, optional?: boolean, peer?: boolean }>} */
  const packages = (path) => JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  const installedList = "node_modules/.package-lock.json";
  if (!existsSync(join(root, installedList))) return false;
  const installed = packages(installedList);
  return Object.entries(packages("package-lock.json")).every(
    ([path, { version, optional }]) => path === "" || optional === true || installed[path]?.version === version,
  );
}

function installPackages() {
  say("installing npm packages");
  if (!succeeds("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"])) {
    throw new Stop(1, "npm ci failed; its reasons are above");
  }
}

/** @param {string} folder @returns {string[]} */
const filesIn = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))
    : [];

/** Modification time in milliseconds; 0 for what is not there. @param {string} path */
const time = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/**
 * Whether what becomes of every source under src is younger than it and than the settings: a module of the library, but for those
 * of src/cli, and the command, which is bundled of them all.
 */
function distIsFresh() {
  const settings = Math.max(
    ...["tsconfig.json", "tsconfig.build.json", "scripts/bundle.mjs", "package-lock.json"].map(time),
  );
  // Written last.
  const bundled = time("dist/cli/licenses.txt");
  const sources = filesIn("src").filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"));
  return sources.every((path) => {
    const module = time(join("dist", path.slice("src/".length).replace(/\.ts$/, ".js")));
    const compiled = path.startsWith("src/cli/") ? bundled : Math.min(bundled, module);
    return compiled >= time(path) && compiled >= settings;
  });
}

/** What a BPF object depends on only its compiler knows, so the builder is asked. */
const objectsAreFresh = () =>
  spawnSync(process.execPath, [join(root, "scripts/build-bpf.mjs"), "--check"]).status === 0;

/** @param {readonly string[]} args @returns {boolean} */
const newestLlvm = (...args) =>
  spawnSync(process.execPath, ["--import", "tsx", "scripts/llvm/main.ts", ...args], {
    cwd: root,
    stdio: ["ignore", 2, args.length > 0 ? "ignore" : 2],
  }).status === 0;

/**
 * What is to be there, and how it comes. Without a `wish` its lack ends the set-up; with one it goes on, and says what is
 * missed.
 *
 * @typedef {{ done: () => boolean, act: () => void, otherwise: () => string, wish?: true }} Step
 */

/** @param {string} goal @returns {Step[]} */
function stepsFor(goal) {
  const purposes = goals[goal] ?? [];
  const missing = () => tools.filter((each) => purposes.includes(each.purpose) && !each.present());
  /** @type {Step[]} */
  const steps = [
    {
      done: () => missing().length === 0,
      act: () => installTools(missing()),
      otherwise: () =>
        `apt-get is content, and still missing are the files of ${missing()
          .map((each) => each.package)
          .join(", ")}: apt-get install --reinstall brings them back`,
    },
    {
      done: packagesAreInstalled,
      act: installPackages,
      otherwise: () => "npm ci is content, and node_modules still differs from package-lock.json",
    },
  ];
  if (purposes.includes("build")) {
    steps.push(
      {
        done: distIsFresh,
        act: () => build("the library and the command", "build:ts"),
        otherwise: () => "the compiler is content, and dist still lacks files of src; a source changed meanwhile?",
      },
      {
        done: objectsAreFresh,
        act: () => build("the BPF programs", "build:bpf"),
        otherwise: () => "clang is content, and some BPF objects are still out of date; a source changed meanwhile?",
      },
    );
  }
  // A soak needs no witness of instructions, and a guest has no network to fetch it by.
  if (goal === "test") {
    steps.push({
      done: () => newestLlvm("--check"),
      act: () => newestLlvm(),
      otherwise: () =>
        "going on without Debian's newest LLVM: instructions that the system's does not know have a witness less",
      wish: true,
    });
  }
  return steps;
}

/** @param {string} what @param {string} script */
function build(what, script) {
  say(`building ${what}`);
  if (!succeeds("npm", ["run", "--silent", script]))
    throw new Stop(1, `building ${what} failed; the reasons are above`);
}

/** @param {readonly string[]} words */
function parseGoal(words) {
  const [first = "--for", goal = "build", ...rest] = words;
  if (first !== "--for" || rest.length > 0 || !Object.hasOwn(goals, goal)) {
    throw new Stop(2, `usage: node scripts/setup.mjs [--for ${Object.keys(goals).join("|")}]`);
  }
  return goal;
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Stop(2, `Node 20.19 or later is needed, and this is ${process.versions.node}`);
  }
}

/** @param {readonly string[]} words */
function main(words) {
  const goal = parseGoal(words);
  checkNode();
  const steps = stepsFor(goal);
  if (steps.every((step) => step.done())) return 0;
  if (process.env["XDPGEN_SETUP_LOCKED"] === undefined) {
    // The same again under a lock on the checkout's folder, which ends with the process that holds it.
    const { status } = spawnSync("flock", [root, process.execPath, self, ...words], {
      stdio: ["ignore", 2, 2],
      env: { ...process.env, XDPGEN_SETUP_LOCKED: "1" },
    });
    return status ?? 1;
  }
  for (const step of steps) {
    if (step.done()) continue;
    step.act();
    if (step.done()) continue;
    if (step.wish !== true) throw new Stop(1, step.otherwise());
    say(step.otherwise());
  }
  return 0;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  say(error.message);
  process.exitCode = error.status;
}
