/* Who gets the signals of a file, as fcntl(2) and ioctl(2) tell it: a process, or minus a group. */
#ifndef MAPIX_SYS_DESCRIPTOR_H
#define MAPIX_SYS_DESCRIPTOR_H

struct file;

long descriptor_set_owner(struct file *file, int id);
long descriptor_get_owner(struct file *file);

#endif
