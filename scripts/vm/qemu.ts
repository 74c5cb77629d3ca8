/** What QEMU is told. Nothing here runs anything. */
export type Machine = {
  readonly kernelImage: string;
  readonly initramfs: string;
  readonly cpus: number;
  /** As QEMU writes it: `2G`, `512M`. */
  readonly memory: string;
  /** Folder that guest and host share read-write. */
  readonly out: string | undefined;
  /** File that the guest's console is written to. */
  readonly console: string;
  /** Sockets of the virtio ports by name. */
  readonly ports: Readonly<Record<string, string>>;
  /** Whether the guest's clock counts instructions, one for each nanosecond: exact, and slow. Takes one processor. */
  readonly icount?: boolean;
  /** Further words for the kernel's command line. */
  readonly append: readonly string[];
};

/** In QEMU's options a comma ends a value, and two are one. */
const quoteComma = (value: string): string => value.replaceAll(",", ",,");

/**
 * A panic ends the guest at once, and an oops counts as one. The timer is not tested: a guest that has to wait for the host's
 * processor then panics at boot ("IO-APIC + timer doesn't work"). Mitigations of processor bugs are off: an emulated processor
 * has no such bugs, and they cost a good part of the speed.
 */
const kernelOptions =
  "console=ttyS0 loglevel=4 panic=-1 oops=panic no_timer_check mitigations=off audit=0 cryptomgr.notests";

/**
 * Everything that can be emulated, without what is slower than going without: string instructions are emulated byte by byte
 * (erms), wide vectors by calls (avx), and the others cost a lookup each time that an address is translated or the kernel is
 * entered. A guest without them does the same work in an eighth less time.
 */
const processor = "max,-erms,-avx,-avx2,-la57,-smap,-smep";

/**
 * QEMU's arguments. Emulation (TCG) and not KVM, since the hosts of continuous integration are virtual machines
 * themselves; `thread=single`, since with one thread per processor a guest panics when an XDP link is updated under
 * traffic. `multidevs=remap` keeps inode numbers of the host's several file systems apart.
 */
export function qemuArguments(machine: Machine): string[] {
  const share = (path: string, tag: string, options: string): string[] => [
    "-virtfs",
    `local,path=${quoteComma(path)},mount_tag=${tag},security_model=none,multidevs=remap${options}`,
  ];
  const options: readonly (readonly string[])[] = [
    ["-nodefaults", "-no-user-config", "-no-reboot"],
    ["-display", "none"],
    ["-machine", "pc"],
    ["-accel", "tcg,thread=single"],
    ["-cpu", processor],
    machine.icount === true ? ["-icount", "shift=0,sleep=off"] : [],
    ["-smp", String(machine.cpus)],
    ["-m", machine.memory],
    ["-kernel", machine.kernelImage],
    ["-initrd", machine.initramfs],
    ["-append", [kernelOptions, ...machine.append].join(" ")],
    ["-serial", `file:${machine.console}`],
    share("/", "host", ",readonly=on"),
    machine.out === undefined ? [] : share(machine.out, "out", ""),
    ["-device", "virtio-serial-pci"],
    ...Object.entries(machine.ports).flatMap(([name, path]) => [
      ["-chardev", `socket,id=${name},path=${quoteComma(path)}`],
      ["-device", `virtserialport,chardev=${name},name=${name}`],
    ]),
  ];
  return options.flat();
}
