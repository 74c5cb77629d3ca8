/**
 * `npm run demo`: a chain of sample programs on a real interface, real packets through it, and programs that come and go
 * while millions of frames flow.
 *
 *     main.ts    where it runs: here, in a virtual machine, or both
 *     here.ts    the demonstration on one kernel, a process of its own in network namespaces of its own
 *     steps.ts   what is shown, and what must be seen
 *     stage.ts   the veth pair and its neighbour; neighbour.ts is the other end's process
 *
 * On a machine that refuses extension programs the chain runs with linkage `call`, and the same is shown with `freplace`
 * in a virtual machine. Without root it runs in the virtual machine only. Exit status 1 when a step does not show what it
 * should, 128 + n on a signal; nothing is left behind in any case.
 */
import { spawn, spawnSync } from "node:child_process";
import { constants, release } from "node:os";
import { fileURLToPath } from "node:url";
import { colours, failed, say, seen, title } from "./report.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const KERNEL = "6.1";
const IN_NAMESPACE = ["unshare", "--net"];
const PLAY = ["--import", "tsx", "scripts/demo/main.ts", "here"];

/** Hands a signal on to the demonstration on this machine, while there is one. */
let endPlay: ((signal: NodeJS.Signals) => void) | undefined;

/** Why nothing can be shown on this machine's own kernel, in a clause; undefined when it can. */
async function refusal(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "you are not root, and attaching programs needs root";
  const { requirePrivilege } = await import("../../src/loader/machine/privilege.ts");
  try {
    requirePrivilege("attach programs");
  } catch (error) {
    return (error as Error).message;
  }
  const { status, stderr } = spawnSync("unshare", ["--net", "true"], { encoding: "utf8" });
  return status === 0 ? undefined : `this machine lets root make no network namespace: ${stderr.trim()}`;
}

/**
 * The demonstration on this machine's kernel. It answers signals itself: first it puts things away. The kernel tells it
 * to even when this process is killed in a way that it cannot answer.
 */
async function playHere(): Promise<number> {
  const words = ["--pdeathsig", "TERM", ...IN_NAMESPACE, process.execPath, ...PLAY];
  const child = spawn("setpriv", words, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  endPlay = (signal) => void child.kill(signal);
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
  endPlay = undefined;
  return status;
}

/** The same in a guest, which ends with this process whatever ends that. */
async function playInVm(): Promise<number> {
  const setup = spawnSync(process.execPath, ["scripts/setup.mjs", "--for", "vm"], { cwd: root, stdio: "inherit" });
  if (setup.status !== 0) return setup.status ?? 1;
  const [{ runInVm }, { ScriptFailure }] = await Promise.all([import("../vm/boot.ts"), import("../debian/failure.ts")]);
  try {
    const result = await runInVm({
      kernel: KERNEL,
      command: [...IN_NAMESPACE, "node", ...PLAY],
      folder: root,
      timeoutSeconds: 480,
      environment: colours ? { FORCE_COLOR: "1" } : {},
    });
    if (result.kind === "exited") return result.status;
    failed(`the virtual machine ended by ${result.kind}:\n${result.console}`);
    return 1;
  } catch (error) {
    if (!(error instanceof ScriptFailure)) throw error;
    failed(error.message);
    return error.status;
  }
}

async function demo(): Promise<number> {
  const refused = await refusal();
  if (refused !== undefined) {
    say(`The demo runs in a virtual machine only, for ${refused}.`);
    return (await playInVm()) || farewell("in a virtual machine");
  }
  const { freplaceSupport, openKernel } = await import("../../src/loader/index.ts");
  const { freplaceFinding } = await import("../../src/loader/report/doctor.ts");
  const support = freplaceSupport(openKernel());
  if (support.supported) return (await playHere()) || farewell("on this machine's kernel");

  title("Two ways to bind a program");
  say(
    "A program is bound to the dispatcher as an extension that stays loaded across changes (freplace), or by being " +
      `linked into it (call). This machine's kernel, ${release()}, refuses the first: ${support.reason}; ` +
      `${freplaceFinding(support).meaning}. So the demo runs twice: here by call, and then by freplace in a virtual ` +
      `machine with Debian's ${KERNEL} kernel.`,
  );
  const status = await playHere();
  if (status !== 0) return status;
  title("The same by freplace, in a virtual machine");
  say("It is emulated in software: about a minute, and fewer frames.");
  return (await playInVm()) || farewell("by `call` and by `freplace`");
}

function farewell(where: string): 0 {
  title("That was the demo");
  seen(
    `A chain ran ${where}, changed under traffic without a frame lost, and is gone again. ` +
      "Next: README.md, and `npx xdpgen apply templates/edge.yaml --dev eth0` for a chain of your own.",
  );
  return 0;
}

async function main([role = ""]: readonly string[]): Promise<number> {
  switch (role) {
    case "here":
      return (await import("./here.ts")).here();
    case "neighbour":
      (await import("./neighbour.ts")).neighbour();
      return 0;
    case "":
      break;
    default:
      failed(`npm run demo takes no words, and not \`${role}\``);
      return 2;
  }
  const end = (signal: NodeJS.Signals): void => {
    if (endPlay) endPlay(signal);
    else process.exit(128 + constants.signals[signal]);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  // Who ends `npm` ends a shell with it, which does not hand the signal on.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && end("SIGTERM"), 500).unref();
  return demo();
}

/** Where Debian keeps `ip` and `bpftool`; the PATH that `su` leaves may be without them. */
process.env["PATH"] = `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
process.exitCode = await main(process.argv.slice(2));
