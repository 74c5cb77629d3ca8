#!/vm/busybox sh
# First process of the guest, in the initramfs: makes the host's root, read-only and shared over 9p, the guest's own by
# laying a tmpfs over it, and goes on with main.sh there.
b=/vm/busybox

$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
while read -r module; do
  $b insmod "/modules/$module" || echo "vm: cannot insert $module"
done </modules/order

fail() {
  echo "vm: the guest cannot start: $1"
  $b reboot -f
}

$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose host /lower || fail "no root over 9p"
$b mount -t tmpfs -o size=75% rw /rw
$b mkdir /rw/upper /rw/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work overlay /root || fail "no overlay"
for name in dev proc sys; do $b mount --move "/$name" "/root/$name"; done
$b mount -t tmpfs -o mode=755 run /root/run
$b cp -r /vm /root/run/vm
exec $b switch_root /root /run/vm/busybox sh /run/vm/main.sh
