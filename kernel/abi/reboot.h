/* reboot(2): its magic numbers and commands. */
#ifndef MAPIX_ABI_REBOOT_H
#define MAPIX_ABI_REBOOT_H

#define REBOOT_MAGIC1  0xfee1dead
#define REBOOT_MAGIC2A 0x28121969
#define REBOOT_MAGIC2B 0x05121996
#define REBOOT_MAGIC2C 0x16041998
#define REBOOT_MAGIC2D 0x20112000

#define REBOOT_RESTART   0x01234567
#define REBOOT_HALT      0xcdef0123
#define REBOOT_CAD_ON    0x89abcdef
#define REBOOT_CAD_OFF   0x00000000
#define REBOOT_POWER_OFF 0x4321fedc

#endif
