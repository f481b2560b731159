/*
 * Namespaces as files (namespaces(7)): /proc/PID/ns/KIND leads to a file without a name that can be
 * opened, compared, and entered by setns(2). Of most kinds there is one, for all processes.
 */
#ifndef MAPIX_FS_NAMESPACE_H
#define MAPIX_FS_NAMESPACE_H

#include <stdint.h>

struct file;
struct vnode;

/* How the files of all namespaces are opened: an operation of their vnodes. */
int namespace_open(struct vnode *vnode, struct file *file);

/* A number that no other namespace has had. */
uint64_t namespace_new_number(void);

#endif
