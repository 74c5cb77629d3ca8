import { run, spawn } from "./command.ts";
import { folder, numberedChain, tree, bpfFds } from "./world.ts";
import { execFileSync, execSync } from "node:child_process";
const sh = (c: string) => { try { return execSync(c, {encoding:"utf8", stdio:["ignore","pipe","pipe"]}); } catch (e:any) { return "SH FAIL " + e.stderr; } };
const say = (t: string, r: any) => console.log(`## ${t}\n[${r.status}] OUT ${r.out.slice(0,1500)}ERR ${r.err.slice(0,1500)}`);
sh("ip link add xe-0 type veth peer name xe-1; ip link set xe-0 up; ip link set xe-1 up");
const here = folder("xe poké ✓ ");
const good = numberedChain(here, "good", [1,2]);
say("path with spaces", await run(["apply", good, "--dev", "xe-1"]));
say("again", await run(["apply", good, "--dev", "xe-1"]));
for (const n of [60, 200, 230, 250, 255, 300]) {
  const y = here.write(`long${n}.yaml`, `chain: xe\nprograms: [{name: ${"a".repeat(n)}, object: v1.bpf.o},{name: b, object: v2.bpf.o}]\n`);
  const r = await run(["apply", y, "--dev", "xe-1"]);
  say(`program name ${n}`, {status:r.status, out:r.out.slice(0,300), err:r.err.slice(0,600)});
  if (r.status===0) {const s = await run(["status","xe-1"]); console.log("status", s.status, s.out.slice(0,300), s.err.slice(0,200));}
}
{
  const y = here.write(`lc.yaml`, `chain: ${"c".repeat(300)}\nprograms: [{name: a, object: v1.bpf.o},{name: b, object: v2.bpf.o}]\n`);
  const r = await run(["apply", y, "--dev", "xe-1"]);
  say(`chain name 300`, {status:r.status, out:r.out.slice(0,500), err:r.err.slice(0,800)});
  say("build long chain", await run(["build", y]));
}
{
  const y = here.write(`anch.yaml`, `chain: xe\nprograms:\n  - &a { name: a, object: v1.bpf.o, proceed-on: &p [pass, tx] }\n  - { name: b, object: v2.bpf.o, proceed-on: *p }\n`);
  say("anchors", await run(["apply", y, "--dev", "xe-1"]));
  const z = here.write(`merge.yaml`, `chain: xe\nprograms:\n  - &a { name: a, object: v1.bpf.o }\n  - { <<: *a, name: b }\n`);
  say("merge keys", await run(["apply", z, "--dev", "xe-1"]));
}
say("twice same dev", await run(["apply", good, "--dev", "xe-1", "--dev", "xe-1"]));
say("one bad dev of two", await run(["apply", good, "--dev", "xe-1", "--dev", "nope"]));
say("bad first", await run(["apply", good, "--dev", "nope", "--dev", "xe-1"]));
say("empty dev", await run(["apply", good, "--dev", ""]));
say("long dev", await run(["apply", good, "--dev", "a".repeat(300)]));
say("weird dev", await run(["apply", good, "--dev", "../../etc"]));
say("no dev", await run(["apply", good]));
say("lo", await run(["apply", good, "--dev", "lo"]));
say("status lo", await run(["status"]));
say("detach lo", await run(["detach", "lo"]));
say("lo native", await run(["apply", good, "--dev", "lo", "--mode", "native"]));
say("status json", await run(["status", "--json", "lo"]));
say("no args", await run([]));
say("unknown cmd", await run(["aply", good]));
say("unknown opt", await run(["apply", good, "--device", "xe-1"]));
say("bad link", await run(["apply", good, "--linkage", "freplase"]));
say("stdin -", spawn(["apply", "-", "--dev", "xe-1"], [], "chain: xe\nprograms: []\n"));
say("stdin /dev/stdin", spawn(["apply", "/dev/stdin", "--dev", "xe-1"], [], `chain: xe\nprograms: [{name: a, object: "${here.path}/v1.bpf.o"}]\n`));
say("terminal status", await run(["status", "xe-1"], {terminal:true, columns: 100}));
say("narrow", await run(["status", "xe-1"], {terminal:true, columns: 1}));
say("narrow help", await run(["--help"], {terminal:true, columns: 1}));
sh("ip link set xe-1 down; ip link set xe-1 name xe-renamed; ip link set xe-renamed up");
say("renamed status", await run(["status"]));
say("old name", await run(["status", "xe-1"]));
say("apply on renamed", await run(["apply", good, "--dev", "xe-renamed"]));
sh("ip netns add xens; ip link set xe-renamed netns xens");
say("moved status", await run(["status"]));
say("moved: status inside", spawn(["status"], ["ip","netns","exec","xens"]));
say("moved: apply inside", spawn(["apply", good, "--dev", "xe-renamed"], ["ip","netns","exec","xens"]));
say("moved: apply inside replace", spawn(["apply", good, "--dev", "xe-renamed", "--replace"], ["ip","netns","exec","xens"]));
say("moved: detach inside", spawn(["detach", "xe-renamed"], ["ip","netns","exec","xens"]));
say("moved: status inside", spawn(["status"], ["ip","netns","exec","xens"]));
say("moved: status outside", await run(["status"]));
say("detach all outside", await run(["detach", "--all"]));
sh("ip netns del xens");
await new Promise(r=>setTimeout(r,500));
say("after ns del status", await run(["status"]));
sh("ip link del xe-0");
sh("ip link add xe-0 type veth peer name xe-1; ip link set xe-0 up; ip link set xe-1 up");
say("apply new", await run(["apply", good, "--dev", "xe-1", "--dev", "xe-0"]));
console.log(tree("/sys/fs/bpf").filter(x=>!/\/$/.test(x)).join("\n"));
say("detach twice", await run(["detach", "xe-1"])); say("detach twice", await run(["detach", "xe-1"]));
sh("ip link del xe-0");
say("deleted status", await run(["status"]));
say("deleted status json", await run(["status","--json"]));
say("deleted apply", await run(["apply", good, "--dev", "xe-0"]));
say("deleted detach", await run(["detach", "xe-0"]));
say("deleted detach", await run(["detach", "xe-0"]));
console.log(tree("/sys/fs/bpf").filter(x=>!/\/$/.test(x)).join("\n"), bpfFds());
