/*
 * The table of descriptors of a thread, which it usually shares with the other threads of its
 * process: an array that grows, and bitmaps of the open descriptors and of those to be closed by
 * execve(2).
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "core/process.h"
#include "fs/file.h"
#include "fs/file_lock.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define SIZE_INITIAL    64u
#define DESCRIPTORS_MAX (1u << 20) /* as Linux's fs.nr_open */

struct slots {
    unsigned size; /* a multiple of 64 */
    struct file **files;
    uint64_t *open, *close_on_exec;
};

struct file_table {
    uint64_t references; /* atomic: threads that use it, and others for a moment */
    struct spinlock lock;
    struct slots slots; /* (lock) */
};

/* The three arrays are one block of memory. */
static int slots_create(struct slots *slots, unsigned size)
{
    size_t bits = BITMAP_WORDS(size) * sizeof(uint64_t);
    char *memory = kmalloc_zeroed(size * sizeof(struct file *) + 2 * bits);

    if (!memory)
        return -ENOMEM;
    slots->size = size;
    slots->files = (struct file **)memory;
    slots->open = (uint64_t *)(memory + size * sizeof(struct file *));
    slots->close_on_exec = slots->open + BITMAP_WORDS(size);
    return 0;
}

static void slots_copy(struct slots *to, const struct slots *from)
{
    unsigned size = to->size < from->size ? to->size : from->size;

    memcpy(to->files, from->files, size * sizeof(struct file *));
    memcpy(to->open, from->open, BITMAP_WORDS(size) * sizeof(uint64_t));
    memcpy(to->close_on_exec, from->close_on_exec, BITMAP_WORDS(size) * sizeof(uint64_t));
}

static struct file_table *table_create(unsigned size)
{
    struct file_table *table = kmalloc_zeroed(sizeof(*table));

    if (!table)
        return NULL;
    table->references = 1;
    spin_init(&table->lock, "file table", RANK_TABLE);
    if (slots_create(&table->slots, size)) {
        kfree(table);
        return NULL;
    }
    return table;
}

struct file_table *file_table_create(void)
{
    return table_create(SIZE_INITIAL);
}

/* The size that holds all open descriptors of the table. Locked. */
static unsigned size_used(const struct slots *slots)
{
    unsigned words = slots->size / 64;

    while (words > 1 && !slots->open[words - 1])
        words--;
    return words * 64;
}

/* The copy of a table holds references; what is reserved in the original is free in the copy. */
static void reference_all(struct slots *slots, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        if (slots->files[i])
            file_reference(slots->files[i]);
        else
            bitmap_clear(slots->open, i);
    }
}

struct file_table *file_table_copy(struct file_table *table)
{
    for (;;) {
        spin_lock(&table->lock);
        unsigned size = size_used(&table->slots);
        spin_unlock(&table->lock);
        struct file_table *copy = table_create(size);
        if (!copy)
            return NULL;
        spin_lock(&table->lock);
        bool fits = size_used(&table->slots) <= size;
        if (fits) {
            slots_copy(&copy->slots, &table->slots);
            reference_all(&copy->slots, size);
        }
        spin_unlock(&table->lock);
        if (fits)
            return copy;
        file_table_release(copy); /* it has grown meanwhile */
    }
}

/* Take the file out of a slot: NULL, if there is none. Locked. */
static struct file *take(struct slots *slots, unsigned descriptor)
{
    struct file *file = slots->files[descriptor];

    if (!file)
        return NULL; /* it may be reserved */
    slots->files[descriptor] = NULL;
    bitmap_clear(slots->open, descriptor);
    bitmap_clear(slots->close_on_exec, descriptor);
    return file;
}

/* A descriptor of the table has been closed: with it, all record locks that the process has on the
 * file go (fcntl(2)). */
static void close_file(struct file_table *table, struct file *file)
{
    file_lock_drop(file->vnode, LOCK_OF_PROCESS, table);
    file_release(file);
}

/* Close each descriptor that is set in the bitmap from first on, up to last. */
static void close_marked(struct file_table *table, bool on_exec_only, unsigned first, unsigned last)
{
    for (unsigned i = first;; i++) {
        struct file *file = NULL;
        spin_lock(&table->lock);
        struct slots *slots = &table->slots;
        unsigned end = last < slots->size ? last + 1 : slots->size;
        if (i < end)
            i = (unsigned)bitmap_find_set(on_exec_only ? slots->close_on_exec : slots->open, i,
                                          end);
        bool found = i < end;
        if (found)
            file = take(slots, i);
        spin_unlock(&table->lock);
        if (file)
            close_file(table, file);
        if (!found)
            return;
    }
}

void file_table_reference(struct file_table *table)
{
    __atomic_fetch_add(&table->references, 1, __ATOMIC_RELAXED);
}

bool file_table_is_shared(const struct file_table *table)
{
    return __atomic_load_n(&table->references, __ATOMIC_ACQUIRE) > 1;
}

void file_table_release(struct file_table *table)
{
    if (__atomic_sub_fetch(&table->references, 1, __ATOMIC_ACQ_REL))
        return;
    close_marked(table, false, 0, UINT32_MAX);
    kfree(table->slots.files);
    kfree(table);
}

void file_table_exec(struct file_table *table)
{
    close_marked(table, true, 0, UINT32_MAX);
}

void file_close_range(unsigned first, unsigned last, bool mark_only)
{
    struct file_table *table = current_thread()->files;

    if (!mark_only) {
        close_marked(table, false, first, last);
        return;
    }
    spin_lock(&table->lock);
    struct slots *slots = &table->slots;
    for (unsigned i = first; i < slots->size && i <= last; i++) {
        if (slots->files[i])
            bitmap_set(slots->close_on_exec, i);
    }
    spin_unlock(&table->lock);
}

/* Not inlined, so that file_get saves no registers for it. */
__attribute__((noinline)) struct file *file_table_get(struct file_table *table, int descriptor)
{
    struct file *file = NULL;

    spin_lock(&table->lock);
    if (descriptor >= 0 && (unsigned)descriptor < table->slots.size)
        file = table->slots.files[descriptor];
    if (file)
        file_reference(file);
    spin_unlock(&table->lock);
    return file;
}

unsigned file_table_size(struct file_table *table)
{
    return __atomic_load_n(&table->slots.size, __ATOMIC_RELAXED);
}

int file_table_next(struct file_table *table, int descriptor)
{
    spin_lock(&table->lock);
    unsigned size = table->slots.size;
    unsigned found = (unsigned)descriptor < size
                         ? (unsigned)bitmap_find_set(table->slots.open, (unsigned)descriptor, size)
                         : size;
    spin_unlock(&table->lock);
    return found < size ? (int)found : -1;
}

bool file_table_is_own(void)
{
    return !file_table_is_shared(current_thread()->files);
}

struct file *file_look(int descriptor)
{
    const struct file_table *table = current_thread()->files;

    if (descriptor < 0 || (unsigned)descriptor >= table->slots.size)
        return NULL;
    return table->slots.files[descriptor];
}

/* A table that no other thread has does not change meanwhile: it is read without the lock. */
struct file *file_get(int descriptor)
{
    struct file_table *table = current_thread()->files;

    if (file_table_is_shared(table))
        return file_table_get(table, descriptor);
    struct file *file = file_look(descriptor);
    if (file)
        file_reference(file);
    return file;
}

/* Make the table larger than it was; or it has been made so meanwhile. */
static int grow(struct file_table *table, unsigned size)
{
    struct slots larger;

    while (size <= table->slots.size)
        size += SIZE_INITIAL;
    unsigned rounded = SIZE_INITIAL;
    while (rounded < size)
        rounded *= 2;
    if (slots_create(&larger, rounded))
        return -ENOMEM;
    spin_lock(&table->lock);
    if (larger.size > table->slots.size) {
        slots_copy(&larger, &table->slots);
        struct slots old = table->slots;
        table->slots = larger;
        larger = old;
    }
    spin_unlock(&table->lock);
    kfree(larger.files);
    return 0;
}

/* The number of descriptors that the process may have. */
static unsigned descriptor_limit(void)
{
    uint64_t limit = process_limit(RLIMIT_NOFILE);
    return limit < DESCRIPTORS_MAX ? (unsigned)limit : DESCRIPTORS_MAX;
}

static void put(struct slots *slots, unsigned descriptor, struct file *file, bool close_on_exec)
{
    slots->files[descriptor] = file;
    bitmap_set(slots->open, descriptor);
    if (close_on_exec)
        bitmap_set(slots->close_on_exec, descriptor);
    else
        bitmap_clear(slots->close_on_exec, descriptor);
}

int file_install(struct file *file, int minimum, bool close_on_exec)
{
    struct file_table *table = current_thread()->files;
    unsigned limit = descriptor_limit(), first = (unsigned)minimum;

    for (;;) {
        spin_lock(&table->lock);
        struct slots *slots = &table->slots;
        unsigned size = slots->size, found = first < size ? size : first;
        if (first < size)
            found = (unsigned)bitmap_find_clear(slots->open, first, size);
        bool fits = found < size && found < limit;
        if (fits)
            put(slots, found, file, close_on_exec);
        spin_unlock(&table->lock);
        if (fits)
            return (int)found;
        if (found >= limit)
            return -EMFILE;
        if (grow(table, found + 1))
            return -ENOMEM;
    }
}

int file_install_new(struct file *file, bool close_on_exec)
{
    int descriptor = file ? file_install(file, 0, close_on_exec) : -ENOMEM;

    if (file && descriptor < 0)
        file_release(file);
    return descriptor;
}

int file_reserve(bool close_on_exec)
{
    return file_install(NULL, 0, close_on_exec);
}

void file_fill(int descriptor, struct file *file)
{
    struct file_table *table = current_thread()->files;

    spin_lock(&table->lock);
    table->slots.files[descriptor] = file;
    if (!file) {
        bitmap_clear(table->slots.open, (unsigned)descriptor);
        bitmap_clear(table->slots.close_on_exec, (unsigned)descriptor);
    }
    spin_unlock(&table->lock);
}

int file_install_at(struct file *file, int descriptor, bool close_on_exec)
{
    struct file_table *table = current_thread()->files;
    unsigned wanted = (unsigned)descriptor;
    struct file *old = NULL;
    bool reserved = false;

    if (wanted >= descriptor_limit())
        return -EBADF;
    for (;;) {
        spin_lock(&table->lock);
        bool fits = wanted < table->slots.size;
        if (fits) {
            old = take(&table->slots, wanted);
            reserved = bitmap_test(table->slots.open, wanted);
            if (!reserved)
                put(&table->slots, wanted, file, close_on_exec);
        }
        spin_unlock(&table->lock);
        if (reserved)
            return -EBUSY; /* dup(2): a race with open */
        if (fits)
            break;
        if (grow(table, wanted + 1))
            return -ENOMEM;
    }
    if (old)
        close_file(table, old);
    return descriptor;
}

int file_close(int descriptor)
{
    struct file_table *table = current_thread()->files;
    struct file *file = NULL;

    spin_lock(&table->lock);
    if (descriptor >= 0 && (unsigned)descriptor < table->slots.size)
        file = take(&table->slots, (unsigned)descriptor);
    spin_unlock(&table->lock);
    if (!file)
        return -EBADF;
    close_file(table, file);
    return 0;
}

int file_get_close_on_exec(int descriptor)
{
    struct file_table *table = current_thread()->files;
    int result = -EBADF;

    spin_lock(&table->lock);
    struct slots *slots = &table->slots;
    if (descriptor >= 0 && (unsigned)descriptor < slots->size && slots->files[descriptor])
        result = bitmap_test(slots->close_on_exec, (unsigned)descriptor);
    spin_unlock(&table->lock);
    return result;
}

int file_set_close_on_exec(int descriptor, bool close_on_exec)
{
    struct file_table *table = current_thread()->files;
    int result = -EBADF;

    spin_lock(&table->lock);
    struct slots *slots = &table->slots;
    if (descriptor >= 0 && (unsigned)descriptor < slots->size && slots->files[descriptor]) {
        put(slots, (unsigned)descriptor, slots->files[descriptor], close_on_exec);
        result = 0;
    }
    spin_unlock(&table->lock);
    return result;
}
