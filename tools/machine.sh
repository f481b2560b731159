# The emulated machine, for tools/run and tools/qemu; to be sourced by bash.

# set_machine CPUS MEM KERNEL APPEND: sets the array `machine` to the emulator and its options,
# without console and disks.
set_machine() {
    machine=(qemu-system-riscv64 -machine virt -smp "$1" -m "$2" -bios default -display none
        -global virtio-mmio.force-legacy=false -kernel "$3" -append "$4"
        -device virtio-rng-device,bus=virtio-mmio-bus.7)
}

# add_disk NUMBER FILE [OPTION]: the disk of that number; comma-separated options of -drive.
add_disk() {
    machine+=(-drive "if=none,id=disk$1,format=raw,file=${2//,/,,}${3:+,$3}"
        -device "virtio-blk-device,drive=disk$1,bus=virtio-mmio-bus.$1")
}
