/* The names of core dumps: /proc/sys/kernel/core_pattern (core(5)). */
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/core_dump.h"
#include "core/process.h"
#include "core/time.h"
#include "fs/text.h"
#include "lib/format.h"
#include "lib/string.h"
#include "sys/system.h"

#define PATTERN_SIZE 128
#define SECOND       1000000000ul

uint64_t core_uses_pid;

static struct spinlock lock = {.name = "core pattern", .rank = RANK_SIGNAL};
static char pattern[PATTERN_SIZE] = "core"; /* (lock) */

int core_pattern_set(const char *text, size_t length)
{
    if (length >= PATTERN_SIZE || (length && text[0] == '|'))
        return -EINVAL;
    spin_lock(&lock);
    memcpy(pattern, text, length);
    pattern[length] = '\0';
    spin_unlock(&lock);
    return 0;
}

static void get_pattern(char copy[PATTERN_SIZE])
{
    spin_lock(&lock);
    memcpy(copy, pattern, PATTERN_SIZE);
    spin_unlock(&lock);
}

void core_pattern_write(struct text *text)
{
    char copy[PATTERN_SIZE];

    get_pattern(copy);
    text_format(text, "%s\n", copy);
}

/* The value of a specifier; false: there is no such. A name must not lead to another directory. */
static bool value_of(char specifier, int number, char *value, size_t size)
{
    const struct process *process = current_process();
    const struct thread *thread = current_thread();
    struct utsname names;

    switch (specifier) {
    case 'p':
    case 'P':
        format(value, size, "%d", process->pid);
        return true;
    case 'i':
    case 'I':
        format(value, size, "%d", thread->id);
        return true;
    case 'u':
        format(value, size, "%u", thread->credentials->uid);
        return true;
    case 'g':
        format(value, size, "%u", thread->credentials->gid);
        return true;
    case 'd':
        format(value, size, "%d", process->dumpable);
        return true;
    case 's':
        format(value, size, "%d", number);
        return true;
    case 't':
        format(value, size, "%ld", (long)(time_real() / SECOND));
        return true;
    case 'c':
        format(value, size, "%lu", process->limits[RLIMIT_CORE].soft);
        return true;
    case 'h':
        system_names(&names);
        format(value, size, "%s", names.node);
        break;
    case 'e':
        format(value, size, "%.*s", THREAD_NAME_SIZE - 1, process->leader->name);
        break;
    default:
        return false;
    }
    for (char *slash = value; (slash = strchr(slash, '/'));)
        *slash = '!';
    return true;
}

/* A name that is put together; what does not fit is left out, and seen by its length. */
struct name_builder {
    char *name;
    size_t size, length;
};

static void add(struct name_builder *builder, const char *text)
{
    size_t length = strlen(text);

    if (builder->length + length < builder->size)
        memcpy(builder->name + builder->length, text, length + 1);
    builder->length += length;
}

bool core_file_name(char *name, size_t size, int number)
{
    struct name_builder builder = {name, size, 0};
    char copy[PATTERN_SIZE], value[PATTERN_SIZE], one[2] = {0};
    bool has_pid = false;

    get_pattern(copy);
    name[0] = '\0';
    for (const char *at = copy; *at; at++) {
        one[0] = *at;
        if (*at != '%')
            add(&builder, one);
        else if (*++at == '\0')
            break;
        else if (*at == '%')
            add(&builder, one);
        else if (value_of(*at, number, value, sizeof(value)))
            add(&builder, value);
        if (*at == 'p' && at > copy && at[-1] == '%')
            has_pid = true;
    }
    if (!has_pid && __atomic_load_n(&core_uses_pid, __ATOMIC_RELAXED)) {
        format(value, sizeof(value), ".%d", current_process()->pid);
        add(&builder, value);
    }
    return builder.length > 0 && builder.length < size;
}
