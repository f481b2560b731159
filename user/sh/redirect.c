/*
 * Redirections.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expand.h"
#include "redirect.h"
#include "shell.h"

int move_descriptor(int from, int to)
{
    if (from == to)
        return 0;
    int result = dup2(from, to);
    int error = errno;
    close(from);
    errno = error;
    return result < 0 ? -1 : 0;
}

int private_copy(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, FIRST_PRIVATE_DESCRIPTOR);
}

static int open_flags(enum redirection_kind kind)
{
    switch (kind) {
    case REDIRECT_WRITE:
        return O_WRONLY | O_CREAT | O_TRUNC;
    case REDIRECT_APPEND:
        return O_WRONLY | O_CREAT | O_APPEND;
    case REDIRECT_READ_WRITE:
        return O_RDWR | O_CREAT;
    default:
        return O_RDONLY;
    }
}

static bool redirect_file(const struct redirection *redirection, const char *path)
{
    int descriptor = open(path, open_flags(redirection->kind), 0666);

    if (descriptor < 0 || move_descriptor(descriptor, redirection->descriptor) < 0) {
        shell_report("%s", path);
        return false;
    }
    return true;
}

/* n<&word: word is a descriptor, or "-" to close. */
static bool redirect_duplicate(const struct redirection *redirection, const char *text)
{
    uintmax_t source;

    if (strcmp(text, "-") == 0) {
        close(redirection->descriptor);
        return true;
    }
    if (!parse_number(text, INT_MAX, &source)) {
        shell_complain("%s: not a descriptor", text);
        return false;
    }
    if (dup2((int)source, redirection->descriptor) < 0) {
        shell_report("%s", text);
        return false;
    }
    return true;
}

/*
 * Put text where it can be read from ends[0]. A pipe holds at least PIPE_BUF bytes; more text is
 * written by a process of its own.
 */
static bool send_text(const char *text, const int ends[2])
{
    size_t length = strlen(text);

    if (length <= PIPE_BUF)
        return write_all(ends[1], text, length) == 0;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        _exit(write_all(ends[1], text, length) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return child > 0;
}

static bool redirect_here(const struct redirection *redirection, const char *text)
{
    int ends[2];

    if (pipe(ends) < 0) {
        shell_report("here document");
        return false;
    }
    bool sent = send_text(text, ends);
    if (!sent)
        shell_report("here document");
    close(ends[1]);
    if (!sent) {
        close(ends[0]);
        return false;
    }
    if (move_descriptor(ends[0], redirection->descriptor) < 0) {
        shell_report("%d", redirection->descriptor);
        return false;
    }
    return true;
}

/* Note what a descriptor is. False with a message if it cannot be kept. */
static bool save_descriptor(int descriptor, struct saved_descriptor **saved)
{
    int copy = private_copy(descriptor);

    if (copy < 0 && errno != EBADF) {
        shell_report("%d", descriptor);
        return false;
    }
    struct saved_descriptor *entry = allocate(sizeof(*entry));
    *entry = (struct saved_descriptor){.descriptor = descriptor, .copy = copy, .next = *saved};
    *saved = entry;
    return true;
}

static bool redirect_one(const struct redirection *redirection, struct saved_descriptor **saved)
{
    bool done;
    char *text = expand_text(redirection->word);

    if (!text)
        return false;
    if (saved && !save_descriptor(redirection->descriptor, saved))
        done = false;
    else if (redirection->kind == REDIRECT_DUPLICATE)
        done = redirect_duplicate(redirection, text);
    else if (redirection->kind == REDIRECT_HERE)
        done = redirect_here(redirection, text);
    else
        done = redirect_file(redirection, text);
    free(text);
    return done;
}

bool redirect(const struct redirection *list, struct saved_descriptor **saved)
{
    for (; list; list = list->next)
        if (!redirect_one(list, saved))
            return false;
    return true;
}

void redirect_restore(struct saved_descriptor *saved)
{
    while (saved) {
        struct saved_descriptor *next = saved->next;
        if (saved->copy < 0)
            close(saved->descriptor);
        else if (move_descriptor(saved->copy, saved->descriptor) < 0)
            shell_report("%d", saved->descriptor);
        free(saved);
        saved = next;
    }
}
