/*
 * Signals that tell of files (fcntl(2): F_SETOWN, F_SETSIG, O_ASYNC): who gets them, which they
 * are, and sending them when a file becomes ready.
 */
#ifndef MAPIX_FS_ASYNCHRONOUS_H
#define MAPIX_FS_ASYNCHRONOUS_H

#include <stdbool.h>
#include <stdint.h>

struct file;

/* Whom the signal goes to: F_OWNER_TID, PID or PGRP, and its number; 0: nobody. */
struct file_owner {
    int32_t type, id;
};

/* -ESRCH: there is no such thread, process or group, -EINVAL: no such type, -ENOMEM. */
int file_set_owner(struct file *file, const struct file_owner *owner);
struct file_owner file_get_owner(struct file *file);

/* For leases (fs/lease.c). Room for an owner: -ENOMEM. Then the current process is the owner, if
 * there is none; nobody is, and the signal is SIGIO again; the owner gets the signal, with POLL_MSG
 * and the descriptor. */
int file_prepare_owner(struct file *file);
void file_own(struct file *file);
void file_disown(struct file *file);
void file_tell_owner(struct file *file, int descriptor);

/* Urgent data has come: the owner, if there is one, gets SIGURG. */
void file_urge_owner(struct file *file);

/* F_GETOWNER_UIDS: the real and the effective user of who has set the owner. */
void file_get_owner_users(struct file *file, uint32_t users[2]);

/* The signal: 0 is SIGIO, without information. -EINVAL, -ENOMEM. */
int file_set_signal(struct file *file, uint64_t number);
int file_get_signal(struct file *file);

/* O_ASYNC is set, through this descriptor, or taken away. -ENOMEM; -ENOTTY: not of such a file. */
int file_set_asynchronous(struct file *file, int descriptor, bool on);

/* The file is being released; file->asynchronous is not NULL. */
void asynchronous_forget(struct file *file);

/* Start the thread that sends. Boot only. */
void asynchronous_init(void);

#endif
