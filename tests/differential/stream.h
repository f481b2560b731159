/*
 * A stream: a sequence of operations on memory and files, each made from the seed and its number
 * alone, so that any of them can be left out without changing the others. Every result goes into a
 * log, which must be the same on every kernel.
 *
 * Up to five players take turns: the number of an operation says whose turn it is, and a futex
 * hands over. A player is a process, or a thread of one. All of them use the same window of memory,
 * at a fixed address that no kernel chooses by itself, a part of their heaps, the same files and
 * the same System V segments.
 */
#ifndef MAPIX_TESTS_STREAM_H
#define MAPIX_TESTS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE       4096ul
#define WINDOW     48u /* units of the window */
#define HEAP       12u /* units of the heap, numbered behind those of the window */
#define UNIT_MAX   64u
#define BASE       ((char *)0x1000000000)
#define PLAYERS    5
#define DISK_FILES 2 /* on a disk; the others are memfds */
#define FILES      5
#define READ_ONLY  FILES /* the first file, opened for reading */
#define NAMES      6
#define SEGMENTS   2
#define LOG_SIZE   (256ul << 10)

/* One operation: random numbers that it takes its arguments from. */
struct operation {
    unsigned number;
    uint32_t kind, who, a, b, c, d;
};

/* What the players share; itself in shared memory outside of the window. */
struct shared {
    unsigned current; /* number of the operation whose turn it is */
    bool alive[PLAYERS], done;
    pid_t process[PLAYERS];  /* that the player is in */
    pid_t ended;             /* a process that ends, for the first player to await; or 0 */
    uint32_t turns[PLAYERS]; /* futexes */
    bool paged_out;          /* mincore tells nothing any more */
    bool limited;            /* the players may lock little memory */
    bool seals, grows;       /* they seal memory; have mappings that grow down */
    long sizes[FILES];
    uint64_t inodes[FILES];
    int segments[SEGMENTS];
    size_t log_length;
    char log[LOG_SIZE];
};

extern struct shared *shared;
extern __thread unsigned self; /* which player this is */
extern int files[FILES + 1];
extern unsigned unit;  /* pages that operations take for one */
extern bool pages_out; /* must all memory be paged out now and then? */
extern char *heap;     /* where this process's units of the heap begin */

/* Make operation number of a stream. */
struct operation operation_make(uint64_t seed, unsigned number);

/* Perform it, and log what came of it. */
void operation_perform(const struct operation *operation);

/* ---- arguments (arguments.c) ---- */

/* The units that an operation is about: in the window or in the heap. Their bytes. */
unsigned first_unit(const struct operation *operation);
unsigned unit_count(const struct operation *operation);
char *unit_at(unsigned number);
size_t unit_bytes(unsigned count);

/* One of those protections that all architectures have. */
int protection(uint32_t number);

/* ---- the log (log.c): formats are those of printf as far as %c %s %d %u %ld %lu %x %lx go ---- */

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a call returned; where a mapping is: in the window, or chosen by the kernel, which is
 * unmapped again. */
void log_result(long result);
void log_place(char *result, size_t size);

/* How far an address is from the window or the heap. */
void log_address(const char *address);

#define CALL(format, ...) log_line("%u.%u " format, operation->number, self, ##__VA_ARGS__)

uint64_t sum_words(const void *memory, size_t size);

/* ---- the window and the heap (window.c) ---- */

/* What the process has mapped at each page, as far as it is known from its calls. */
enum { OTHER = -1, ANONYMOUS = -2, NOTHING = -3 };
void map_note(const char *address, size_t size, int file, unsigned long page);
void map_note_move(const char *from, size_t old_size, const char *to, size_t new_size, bool keep);
void map_forget(void); /* look before the next use */
int map_file_of(const char *address);

/* The place in the file that an address, which map_file_of says is of one, shows. */
long map_offset(const char *address);

/* How many bytes of the page of an address are the file's: all, if it does not hold the file's
 * end. Streams keep away from the others. */
unsigned map_limit(const char *address);

/* Log what each page contains or how it refuses, and the mappings. Of those that cannot but refuse,
 * a number says which ones are tried. */
void log_window(unsigned number);

/* Catch faults from now on. */
void catch_faults(void);

/* A touch of memory: 0 and *value (how 'r') or the value stored (how 'w'), or the signal. Then
 * log_fault says which, with its code and address. */
int touch(char *address, char how, unsigned char *value);
void log_fault(void);

/* ---- players (players.c) ---- */

void start_players(void);
void play(uint64_t seed, unsigned length, const unsigned char *chosen);
void end_players(void);

/* ---- kinds of operations ---- */

typedef void perform(const struct operation *operation);

perform map_anonymous, map_file, unmap, protect, remap, advise, free_and_fill, lock, lock_all,
    synchronise, ask_resident, move_break; /* memory.c */
perform load, store, fill, transfer, transfer_on, seek, set_size, allocate, seal, check_file;
perform link_name, unlink_name, rename_name, open_name;                            /* names.c */
perform attach, detach, control, renew;                                            /* segments.c */
perform start_process, start_thread, end;                                          /* players.c */
perform advise_process, seal_memory, remap_pages, transfer_by_process, call_oddly; /* unusual.c */

/* Have all of the window and the heap paged out, as far as the kernel does so. */
void page_out_all(void);

/* Make and open the files; the segments. */
void make_files(void);
void make_segments(void);
void remove_segments(void);

/* A place for bytes in the window or the heap; NULL: none of that size there. */
char *choose_buffer(const struct operation *operation, size_t size);

/* The file's size is looked up again, and logged. */
void log_size(unsigned file);
void refresh_size(unsigned file);

#endif
