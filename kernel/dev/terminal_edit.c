/*
 * Editing of the line that is being typed (termios(3): VERASE, VWERASE, VKILL): what is taken off
 * it, and how that is shown.
 */
#include "dev/terminal_internal.h"

#define TAB_STOP 8u

enum erase_kind { ERASE_CHARACTER, ERASE_WORD, ERASE_LINE };

/* A character at the end of the line. */
struct character {
    uint32_t start; /* position of its first entry */
    unsigned char byte;
};

static unsigned char byte_at(struct terminal *terminal, uint32_t position)
{
    return *terminal_entry(terminal, position) & INPUT_BYTE;
}

/* The last character of the line; false: there is no whole one. */
static bool last_character(struct terminal *terminal, struct character *character)
{
    uint32_t start = terminal->tail;

    if (start == terminal->committed)
        return false;
    do
        start--;
    while (terminal_is_continuation(terminal, byte_at(terminal, start)) &&
           start != terminal->committed);
    *character = (struct character){start, byte_at(terminal, start)};
    return !terminal_is_continuation(terminal, character->byte);
}

/* Letters and digits, those of Latin-1 included: a word ends before anything else. */
static bool is_of_word(unsigned char byte)
{
    unsigned char letter = byte | 0x20;

    if (byte < 0x80)
        return (letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
    return byte >= 0xc0 && byte != 0xd7 && byte != 0xf7;
}

void terminal_finish_erasing(struct terminal *terminal)
{
    if (terminal->erasing)
        terminal_echo_raw(terminal, '/');
    terminal->erasing = false;
}

/* ECHOPRT: as on paper, the erased text backwards between \ and /. */
static void show_on_paper(struct terminal *terminal, const struct character *character,
                          uint32_t end)
{
    if (!terminal->erasing)
        terminal_echo_raw(terminal, '\\');
    terminal->erasing = true;
    terminal_echo(terminal, character->byte);
    for (uint32_t i = character->start + 1; i != end; i++) {
        terminal_echo_raw(terminal, (char)byte_at(terminal, i));
        if (terminal->column > 0)
            terminal->column--;
    }
}

/* How far a tab, which has been taken off the end of the line, had moved the cursor. */
static unsigned tab_width(struct terminal *terminal)
{
    unsigned columns = 0;
    uint32_t position = terminal->tail;
    bool after_tab = false;

    while (position != terminal->committed && !after_tab) {
        unsigned char byte = byte_at(terminal, --position);
        after_tab = byte == '\t';
        if (after_tab)
            continue;
        if (is_control_byte(byte))
            columns += terminal_setting(terminal, ECHOCTL) ? 2 : 0;
        else if (!terminal_is_continuation(terminal, byte))
            columns++;
    }
    if (!after_tab)
        columns += terminal->line_column;
    return TAB_STOP - columns % TAB_STOP;
}

static void rub_out(struct terminal *terminal)
{
    terminal_echo_raw(terminal, '\b');
    terminal_echo_raw(terminal, ' ');
    terminal_echo_raw(terminal, '\b');
}

/* Show that a character has been taken off the line. */
static void show(struct terminal *terminal, const struct character *character, uint32_t end,
                 enum erase_kind kind)
{
    bool visible = terminal_setting(terminal, ECHOCTL);

    if (terminal_setting(terminal, ECHOPRT)) {
        show_on_paper(terminal, character, end);
    } else if (kind == ERASE_CHARACTER && !terminal_setting(terminal, ECHOE)) {
        terminal_echo(terminal, terminal->settings.base.characters[VERASE]);
    } else if (character->byte == '\t') {
        terminal_echo_back(terminal, tab_width(terminal));
    } else if (!is_control_byte(character->byte)) {
        rub_out(terminal);
    } else if (visible) {
        rub_out(terminal);
        rub_out(terminal);
    }
}

/* Erase characters, the last first: one, those of a word and what is behind it, or all. */
static void erase(struct terminal *terminal, enum erase_kind kind)
{
    struct character character;
    bool in_word = false;

    while (last_character(terminal, &character)) {
        if (kind == ERASE_WORD) {
            if (in_word && !is_of_word(character.byte))
                break;
            in_word = in_word || is_of_word(character.byte);
        }
        uint32_t end = terminal->tail;
        terminal->tail = character.start;
        if (terminal_setting(terminal, ECHO))
            show(terminal, &character, end, kind);
        if (kind == ERASE_CHARACTER)
            break;
    }
    if (terminal->tail == terminal->committed && terminal_setting(terminal, ECHO))
        terminal_finish_erasing(terminal);
}

/* VKILL where the line is not wiped from the screen. */
static void drop_line(struct terminal *terminal)
{
    terminal->tail = terminal->committed;
    if (!terminal_setting(terminal, ECHO))
        return;
    terminal_finish_erasing(terminal);
    terminal_echo(terminal, terminal->settings.base.characters[VKILL]);
    if (terminal_setting(terminal, ECHOK))
        terminal_echo_raw(terminal, '\n');
}

void terminal_erase(struct terminal *terminal, unsigned char byte)
{
    const uint32_t wiping = ECHO | ECHOK | ECHOKE | ECHOE;

    if (terminal->tail == terminal->committed)
        return;
    if (terminal_is_control(terminal, VERASE, byte))
        erase(terminal, ERASE_CHARACTER);
    else if (terminal_is_control(terminal, VWERASE, byte))
        erase(terminal, ERASE_WORD);
    else if ((terminal->settings.base.local_flags & wiping) == wiping)
        erase(terminal, ERASE_LINE);
    else
        drop_line(terminal);
}
