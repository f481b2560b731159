/*
 * Core dumps: what a process was when a signal ended it, in a file for a debugger (core(5)).
 *
 *   decide    dumpable, and a limit that has room for something: else no dump
 *   stop      the process is exiting from now on; its other threads come to where threads end, and
 *             stand by there, with their registers as they left user mode
 *   name      the file, by the pattern; it has to be a regular one of the user's own
 *   write     core_image.c; as far as RLIMIT_CORE allows
 *   go on     all threads end
 *
 * SIGKILL ends the dump, as soon as the next page is to be written.
 */
#ifndef MAPIX_CORE_CORE_DUMP_H
#define MAPIX_CORE_CORE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;
struct process;
struct signal_information;
struct text;

/* /proc/PID/coredump_filter: which mappings a dump has (core(5)). */
#define CORE_ANONYMOUS_PRIVATE 0x01u
#define CORE_ANONYMOUS_SHARED  0x02u
#define CORE_FILE_PRIVATE      0x04u
#define CORE_FILE_SHARED       0x08u
#define CORE_ELF_HEADERS       0x10u
#define CORE_FILTER_DEFAULT    0x33u
#define CORE_FILTER_ALL        0x1ffu

/* The current process is to end by this signal: dump it, if that may be. Was a file written? No
 * lock held; the process is exiting when it returns true. */
bool core_dump(const struct signal_information *information);

/* The current thread is about to end: if another one dumps the process, wait until it has. */
void core_dump_stand_by(void);

/* Write the image of the current process, whose other threads stand by; size bytes at most. Was
 * anything written? */
bool core_image_write(struct file *file, uint64_t size,
                      const struct signal_information *information);

/* What the notes of an image are (core_notes.c); notes->error tells if memory was short. */
void core_notes_add(struct text *notes, const struct signal_information *information);

/* /proc/sys/kernel/core_pattern and core_uses_pid. -EINVAL: too long, or a pipe. */
int core_pattern_set(const char *text, size_t length);
void core_pattern_write(struct text *text);
extern uint64_t core_uses_pid; /* atomic */

/* The name of the current process's file; false: it is too long. */
bool core_file_name(char *name, size_t size, int number);

#endif
