/*
 * Pseudo-terminals (pty(7)): a terminal, the slave, whose line is in the hands of a program that
 * has the master open. Their names are in fs/devpts.h.
 */
#ifndef MAPIX_DEV_PTY_H
#define MAPIX_DEV_PTY_H

#include "dev/terminal.h"

struct pty;

/* A pair, locked (TIOCSPTLCK), with one reference: NULL: no memory. */
struct pty *pty_create(unsigned number);
void pty_reference(struct pty *pty);
void pty_release(struct pty *pty);

/* Make file the master; takes over the references of the pair, and of the node in devpts through
 * which its slave is opened. */
void pty_open_master(struct pty *pty, struct vnode *node, struct file *file);

/* Make file an open file of the slave: 0, -EIO: it is locked, or the master is closed, -EBUSY,
 * -ENOMEM. */
int pty_open_slave(struct pty *pty, struct file *file);

#endif
