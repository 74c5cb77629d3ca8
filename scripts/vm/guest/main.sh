# First process of the guest once it has its root: mounts what a running system has, runs the job with its two streams
# going to the host as they come, sends its exit status, and stops the machine.
b=/run/vm/busybox
. /run/vm/settings
$b hostname "$host_name"

fail() {
  echo "vm: the guest cannot start: $1" >/dev/console
  $b reboot -f
}

# A virtio port is known by the name that QEMU was given for it.
port() {
  for each in /sys/class/virtio-ports/*; do
    if [ "$($b cat "$each/name")" = "$1" ]; then echo "/dev/${each##*/}" && return; fi
  done
}

$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
$b mount -t tmpfs -o mode=1777 shm /dev/shm
for stream in "fd /proc/self/fd" "stdin fd/0" "stdout fd/1" "stderr fd/2"; do
  [ -e "/dev/${stream% *}" ] || $b ln -s "${stream#* }" "/dev/${stream% *}"
done
$b mount -t bpf bpf /sys/fs/bpf
$b mount -t tracefs tracefs /sys/kernel/tracing
$b mount -t securityfs securityfs /sys/kernel/security
[ -z "$fresh_tmp" ] || $b mount -t tmpfs -o mode=1777 tmp /tmp
$b mkdir -p /run/home /run/lock
$b ip link set lo up

# The kernel finds modules that it wants later (schedulers, veth, VLANs) through /sbin/modprobe.
$b mkdir -p "/lib/modules/$release"
$b mount --bind "$modules" "/lib/modules/$release" || fail "no modules of $release"

if [ -n "$out" ]; then
  $b mkdir -p "$out"
  $b mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none out "$out" || fail "cannot share $out"
fi

# Through pipes, since a virtio port can be opened once only and programs reopen /dev/stdout.
$b mkfifo /run/vm/stdout /run/vm/stderr
$b cat /run/vm/stdout >"$(port stdout)" &
stdout=$!
$b cat /run/vm/stderr >"$(port stderr)" &
stderr=$!
$b setsid /bin/sh /run/vm/job.sh </dev/null >/run/vm/stdout 2>/run/vm/stderr
status=$?

# Both streams end when the last process that holds them ends; one that the job left behind is given a second.
{ $b sleep 1 && $b kill $stdout $stderr; } 2>/dev/null &
wait $stdout $stderr
echo "$status" >"$(port status)"
$b sync
$b reboot -f
