/*
 * Texts that grow (text.h).
 */
#include "fs/text.h"
#include "abi/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/kmem.h"
#include "vm/page.h"

#define FIRST_SLOTS 4u
#define LINE_MAX    512u /* what one text_format may add */

void text_init(struct text *text)
{
    *text = (struct text){0};
}

void text_free(struct text *text)
{
    for (size_t i = 0; i < page_round_up(text->length) / PAGE_SIZE; i++)
        page_release(text->pages[i]);
    kfree(text->pages);
    text_init(text);
}

/* Make sure that there is a slot of that number. */
static bool reserve_slot(struct text *text, size_t number)
{
    if (number < text->slots)
        return true;
    size_t slots = text->slots ? text->slots * 2 : FIRST_SLOTS;
    struct page **pages = kmalloc(slots * sizeof(*pages));
    if (!pages)
        return false;
    for (size_t i = 0; i < text->slots; i++)
        pages[i] = text->pages[i];
    kfree(text->pages);
    text->pages = pages;
    text->slots = slots;
    return true;
}

/* Add a page for the bytes from length on, which begin it. */
static bool add_page(struct text *text)
{
    size_t number = text->length / PAGE_SIZE;
    struct page *page;

    if (!reserve_slot(text, number) || !(page = page_allocate(0, 0)))
        return false;
    text->pages[number] = page;
    return true;
}

static char *byte_at(const struct text *text, uint64_t offset)
{
    return (char *)page_data(text->pages[offset / PAGE_SIZE]) + (offset & PAGE_MASK);
}

void text_add(struct text *text, const char *bytes, size_t count)
{
    while (count > 0 && !text->error) {
        if (!(text->length & PAGE_MASK) && !add_page(text)) {
            text->error = -ENOMEM;
            break;
        }
        size_t piece = rest_of_page(text->length, count);
        memcpy(byte_at(text, text->length), bytes, piece);
        text->length += piece;
        bytes += piece;
        count -= piece;
    }
}

/* Where the next LINE_MAX bytes go, if they are in one page that is there; else NULL. */
static char *place_of_line(const struct text *text)
{
    size_t used = text->length & PAGE_MASK;
    return used && used + LINE_MAX <= PAGE_SIZE && !text->error ? byte_at(text, text->length)
                                                                : NULL;
}

void text_format(struct text *text, const char *template, ...)
{
    char line[LINE_MAX], *place = place_of_line(text);
    va_list arguments;

    va_start(arguments, template);
    size_t length = format_arguments(place ? place : line, LINE_MAX, template, arguments);
    va_end(arguments);
    length = length < LINE_MAX ? length : LINE_MAX - 1;
    if (place)
        text->length += length;
    else
        text_add(text, line, length);
}

/* The decimal digits of value, one at the least, backwards from end: where they start. */
static char *put_digits(char *end, uint64_t value)
{
    do
        *--end = (char)('0' + value % 10);
    while (value /= 10);
    return end;
}

void text_add_kib(struct text *text, const char *label, unsigned end, uint64_t kib)
{
    char digits[20], line[LINE_MAX], *place = place_of_line(text), *start = place ? place : line;
    const char *digit = put_digits(digits + sizeof(digits), kib);
    char *at = start, *first = start + end - (digits + sizeof(digits) - digit);

    while (*label)
        *at++ = *label++;
    while (at < first)
        *at++ = ' ';
    while (digit < digits + sizeof(digits))
        *at++ = *digit++;
    memcpy(at, " kB\n", 4);
    size_t length = (size_t)(at + 4 - start);
    if (place)
        text->length += length;
    else
        text_add(text, line, length);
}

void text_add_text(struct text *text, const struct text *other)
{
    for (size_t done = 0; done < other->length && !text->error; done += PAGE_SIZE)
        text_add(text, byte_at(other, done), rest_of_page(0, other->length - done));
}

void text_get(const struct text *text, uint64_t offset, void *buffer, size_t size)
{
    for (size_t done = 0, piece; done < size; done += piece) {
        piece = rest_of_page(offset + done, size - done);
        memcpy((char *)buffer + done, byte_at(text, offset + done), piece);
    }
}

long text_read(const struct text *text, uint64_t offset, struct transfer *transfer)
{
    size_t done = 0;

    while (transfer->remaining && offset < text->length) {
        size_t left = text->length - offset < transfer->remaining ? text->length - offset
                                                                  : transfer->remaining;
        size_t piece = rest_of_page(offset, left);
        size_t given = transfer_give(transfer, byte_at(text, offset), piece);
        offset += given;
        done += given;
        if (given < piece)
            return done ? (long)done : -EFAULT;
    }
    return (long)done;
}
