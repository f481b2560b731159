/* Argument strings of execve(2) (arguments.h). */
#include "core/arguments.h"
#include "abi/errno.h"
#include "core/user.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/page.h"

#define STEP 128 /* bytes of a user's string that are looked at in one go */

void arguments_init(struct arguments *arguments, size_t limit)
{
    *arguments = (struct arguments){.limit = limit};
    list_init(&arguments->pages);
}

void arguments_free(struct arguments *arguments)
{
    struct list *link;
    while ((link = list_pop_front(&arguments->pages)))
        page_free(container_of(link, struct page, link), 0);
}

/* Where the next byte goes and how much room is there, at least one byte. NULL: no memory. */
static char *room(struct arguments *arguments, size_t *size)
{
    size_t offset = arguments->size & PAGE_MASK;
    if (offset == 0) {
        struct page *page = page_allocate(0, 0);
        if (!page)
            return NULL;
        list_push_back(&arguments->pages, &page->link);
    }
    *size = PAGE_SIZE - offset;
    return (char *)page_data(container_of(arguments->pages.previous, struct page, link)) + offset;
}

static bool is_too_big(const struct arguments *arguments)
{
    size_t pointers = (size_t)arguments->argument_count + arguments->environment_count + 2;
    return arguments->size + pointers * sizeof(uint64_t) > arguments->limit;
}

int arguments_add(struct arguments *arguments, const char *string)
{
    size_t left = strlen(string) + 1, size;
    while (left) {
        char *place = room(arguments, &size);
        if (!place)
            return -ENOMEM;
        if (size > left)
            size = left;
        memcpy(place, string, size);
        string += size;
        left -= size;
        arguments->size += size;
    }
    return is_too_big(arguments) ? -E2BIG : 0;
}

static int add_user_string(struct arguments *arguments, vaddr_t string)
{
    size_t length = 0;
    while (length < ARGUMENT_LENGTH_MAX) {
        size_t size, copied;
        char *place = room(arguments, &size), *end;
        if (!place)
            return -ENOMEM;
        if (size > STEP)
            size = STEP;
        if (size > PAGE_SIZE - (string & PAGE_MASK))
            size = PAGE_SIZE - (string & PAGE_MASK);
        copied = copy_from_user_partly(place, string, size);
        end = memchr(place, '\0', copied);
        if (end) {
            arguments->size += (size_t)(end - place) + 1;
            return is_too_big(arguments) ? -E2BIG : 0;
        }
        arguments->size += copied;
        if (copied < size)
            return -EFAULT;
        if (is_too_big(arguments))
            return -E2BIG;
        string += size;
        length += size;
    }
    return -E2BIG;
}

int arguments_add_user(struct arguments *arguments, vaddr_t array, unsigned skip, unsigned *count)
{
    for (uint64_t i = 0; array; i++) {
        vaddr_t string;
        int result = copy_from_user(&string, array + i * sizeof(string), sizeof(string));
        if (result)
            return result;
        if (string == 0)
            break;
        if (i < skip)
            continue;
        ++*count;
        result = add_user_string(arguments, string);
        if (result)
            return result;
    }
    return 0;
}

int arguments_write(const struct arguments *arguments, struct aspace *aspace, vaddr_t address)
{
    size_t left = arguments->size;
    list_for_each (link, &arguments->pages) {
        size_t size = left < PAGE_SIZE ? left : PAGE_SIZE;
        if (aspace_write(aspace, address, page_data(container_of(link, struct page, link)), size) !=
            size)
            return -EFAULT;
        address += size;
        left -= size;
    }
    return 0;
}

size_t arguments_length(const struct arguments *arguments, size_t offset)
{
    size_t length = 0, start = offset & PAGE_MASK;
    struct list *link = arguments->pages.next;
    for (size_t i = offset / PAGE_SIZE; i > 0; i--)
        link = link->next;
    for (; link != &arguments->pages; link = link->next, start = 0) {
        const char *data = page_data(container_of(link, struct page, link));
        const char *end = memchr(data + start, '\0', PAGE_SIZE - start);
        if (end)
            return length + (size_t)(end - data - (long)start) + 1;
        length += PAGE_SIZE - start;
    }
    return length;
}
