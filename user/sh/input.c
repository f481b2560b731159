/*
 * Reading commands, character by character. The text consumed is kept for the names of jobs.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../lib.h"
#include "input.h"
#include "shell.h"
#include "terminal.h"
#include "variable.h"

void input_from_text(struct input *input, const char *text)
{
    memset(input, 0, sizeof(*input));
    input->descriptor = -1;
    input->line = 1;
    input->text = text;
    input->length = strlen(text);
}

void input_from_descriptor(struct input *input, int descriptor, bool prompts, bool byte_wise)
{
    memset(input, 0, sizeof(*input));
    input->descriptor = descriptor;
    input->prompts = prompts;
    input->byte_wise = byte_wise;
    input->line = 1;
    input->text = input->block;
}

static void print_prompt(bool continued)
{
    const char *prompt = variable_value(continued ? "PS2" : "PS1");

    if (prompt && write_all(STDERR_FILENO, prompt, strlen(prompt)) < 0)
        report("prompt");
}

/* Read a line at a prompt; after an interrupt, another one at a new prompt. */
static ssize_t read_line(struct input *input)
{
    ssize_t count;
    bool interrupt = true;

    while (interrupt) {
        terminal_listen();
        print_prompt(input->continued);
        count = terminal_read_line(input->descriptor, input->block, INPUT_BLOCK, &interrupt);
        if (interrupt && write_all(STDERR_FILENO, "\n", 1) < 0)
            report("prompt");
    }
    input->continued = true;
    return count;
}

/* Read more from the descriptor; false at its end. */
static bool fill(struct input *input)
{
    ssize_t count;

    if (input->descriptor < 0)
        return false;
    do
        count = input->prompts
                    ? read_line(input)
                    : read(input->descriptor, input->block, input->byte_wise ? 1 : INPUT_BLOCK);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        report("reading commands");
    input->position = 0;
    input->length = count > 0 ? (size_t)count : 0;
    return count > 0;
}

static int next_byte(struct input *input)
{
    if (input->pushed_count > 0)
        return input->pushed[--input->pushed_count];
    do {
        if (input->position == input->length && !fill(input))
            return INPUT_END;
    } while (input->text[input->position++] == '\0');
    return (unsigned char)input->text[input->position - 1];
}

int input_next(struct input *input)
{
    int c = next_byte(input);

    if (c == '\n')
        input->line++;
    if (c != INPUT_END)
        buffer_add(&input->source, (char)c);
    return c;
}

void input_unread(struct input *input, int c)
{
    if (c == '\n')
        input->line--;
    if (c != INPUT_END)
        input->source.text[--input->source.length] = '\0';
    input->pushed[input->pushed_count++] = c;
}

void input_begin_command(struct input *input)
{
    input->source.length = 0;
    if (input->source.text)
        input->source.text[0] = '\0';
    input->continued = false;
}

void input_discard(struct input *input)
{
    input->position = input->length;
    input->pushed_count = 0;
}

bool input_exhausted(const struct input *input)
{
    return input->descriptor < 0 && input->position == input->length && input->pushed_count == 0;
}

void input_free(struct input *input)
{
    buffer_free(&input->source);
}
