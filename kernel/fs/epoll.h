/*
 * epoll: sets of open files, of which one is told those that have become ready. System calls are in
 * sys/epoll.c.
 */
#ifndef MAPIX_FS_EPOLL_H
#define MAPIX_FS_EPOLL_H

#include "abi/epoll.h"
#include "arch/riscv/layout.h"
#include "fs/file.h"

/* The file of a new, empty set. NULL: no memory. */
struct file *epoll_create(void);
bool file_is_epoll(const struct file *file);

/* What epoll_ctl(2) does with the file at a descriptor; set is an epoll's file, and another one.
 * The errno are those of epoll_ctl(2). */
int epoll_add(struct file *set, struct file *file, int descriptor, const struct epoll_event *event);
int epoll_modify(struct file *set, struct file *file, int descriptor,
                 const struct epoll_event *event);
int epoll_remove(struct file *set, struct file *file, int descriptor);

/* The file that a set watches at a descriptor, the one of that number if there are several; NULL:
 * there is none. Only to be compared: it may be gone. */
const struct file *epoll_target(struct file *set, int descriptor, unsigned number);

/* Wait until the deadline (of time_now()) and store up to count events at an address in user
 * memory: how many, -EINTR, -EFAULT. */
long epoll_wait(struct file *set, vaddr_t events, unsigned count, uint64_t deadline);

/* How many files the epolls of one user may watch: /proc/sys/fs/epoll/max_user_watches. */
extern uint32_t epoll_items_limit;

/* The last reference to a watched file has gone: take it out of all sets. */
void epoll_forget(struct file *file);

/* Set up memory and locks. Boot only. */
void epoll_init(void);

#endif
