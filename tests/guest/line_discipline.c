/* The line discipline of terminals, by a pseudo-terminal: what is typed, what is echoed, what is
 * read (termios(3)). */
#include "terminals.h"

#include <stdio.h>
#include <time.h>

static void lines(void)
{
    char buffer[10];

    open_pair();
    type("one\ntwo\nthr");
    expect_line("one\n");
    expect_line("two\n");
    CHECK(is_silent(slave));
    type("ee\n");
    CHECK_EQ(read(slave, buffer, 2), 2);
    CHECK(memcmp(buffer, "th", 2) == 0);
    expect_line("ree\n");
    expect_bytes(master, "one\r\ntwo\r\nthree\r\n");
}

static void ends_of_file(void)
{
    char buffer[10];

    open_pair();
    type("part\004");
    expect_line("part");
    type("\004");
    expect_line("");
    type("abc\004\004x\n");
    CHECK(wait_readable(slave));
    usleep(20000);
    CHECK_EQ(read(slave, buffer, 3), 3); /* the end belongs to these */
    CHECK_EQ(read(slave, buffer, 3), 0);
    expect_line("x\n");
}

static void editing(void)
{
    open_pair();
    type("abcd\177\177x\n");
    expect_line("abx\n");
    expect_bytes(master, "abcd\b \b\b \bx\r\n");
    type("foo bar-baz\027\027X\n"); /* VWERASE stops at the hyphen, then at the blank */
    expect_line("foo X\n");
    expect_bytes(master, "foo bar-baz\b \b\b \b\b \b\b \b\b \b\b \b\b \bX\r\n");
    type("gone\025here\n");
    expect_line("here\n");
    expect_bytes(master, "gone\b \b\b \b\b \b\b \bhere\r\n");
    type("a\001\177b\n"); /* ^A takes two columns */
    expect_line("ab\n");
    expect_bytes(master, "a^A\b \b\b \bb\r\n");
    type("ab\t\177c\n"); /* a tab takes the columns up to the next stop */
    expect_line("abc\n");
    expect_bytes(master, "ab\t\b\b\b\b\b\bc\r\n");
    type("\177\177q\n");
    expect_line("q\n");
    expect_bytes(master, "q\r\n");
}

static void editing_shown_otherwise(void)
{
    open_pair();
    change(local_flags, ECHOE, 0);
    type("ab\177\n");
    expect_line("a\n");
    expect_bytes(master, "ab^?\r\n");
    type("xy\025z\n");
    expect_line("z\n");
    expect_bytes(master, "xy^U\r\nz\r\n");
    change(local_flags, ECHOKE | ECHOK, ECHOE);
    type("xy\025z\n");
    expect_line("z\n");
    expect_bytes(master, "xy^Uz\r\n");
    change(local_flags, ECHOCTL, ECHOPRT);
    type("abc\177\177d\n");
    expect_line("ad\n");
    expect_bytes(master, "abc\\cb/d\r\n");
    change(local_flags, ECHO, ECHONL);
    type("quiet\177\025\n");
    expect_line("\n");
    expect_bytes(master, "\r\n");
}

static void literal_and_reprint(void)
{
    open_pair();
    type("a\026\003\026\n\n");
    expect_line("a\003\n\n");
    expect_bytes(master, "a^\b^C^\b^J\r\n");
    type("word\022s\n");
    expect_line("words\n");
    expect_bytes(master, "word^R\r\nwords\r\n");
    change(local_flags, IEXTEN, 0);
    type("\026\022\027\n");
    expect_line("\026\022\027\n");
    expect_bytes(master, "^V^R^W\r\n");
}

static void other_line_ends(void)
{
    open_pair();
    set_character(VEOL, ';');
    set_character(VEOL2, '!');
    type("one;two!three\n");
    expect_line("one;");
    expect_line("two!");
    expect_line("three\n");
}

static void multi_byte(void)
{
    open_pair();
    change(input_flags, 0, IUTF8);
    type("a\303\244\342\202\254\177\177b\n"); /* a-umlaut, euro sign */
    expect_line("ab\n");
    expect_bytes(master, "a\303\244\342\202\254\b \b\b \bb\r\n");
    change(input_flags, IUTF8, 0);
    type("\303\244\177\n");
    expect_line("\303\n");
}

static void input_mapping(void)
{
    open_pair();
    change(local_flags, ECHO, 0);
    type("a\r");
    expect_line("a\n");
    change(input_flags, ICRNL, IGNCR);
    type("a\rb\n");
    expect_line("ab\n");
    change(input_flags, IGNCR, INLCR);
    change(local_flags, ICANON, 0);
    type("a\nb\r");
    expect_bytes(slave, "a\rb\r");
    change(input_flags, INLCR, ISTRIP);
    type("\341\342");
    expect_bytes(slave, "ab");
    change(input_flags, ISTRIP, IUCLC);
    type("MiXeD");
    expect_bytes(slave, "mixed");
    change(input_flags, IUCLC, PARMRK);
    type("\377a");
    expect_bytes(slave, "\377\377a");
}

static void output_mapping(void)
{
    open_pair();
    write_all(slave, "a\tb\r\nc\bd\n", 9);
    expect_bytes(master, "a\tb\r\r\nc\bd\r\n");
    change(output_flags, 0, XTABS);
    write_all(slave, "a\tb\n", 4);
    expect_bytes(master, "a       b\r\n");
    change(output_flags, ONLCR | XTABS, OCRNL);
    write_all(slave, "a\rb\n", 4);
    expect_bytes(master, "a\nb\n");
    change(output_flags, OCRNL, ONOCR | ONLRET | OLCUC);
    write_all(slave, "\rab\n\rc\r", 7);
    expect_bytes(master, "\rAB\nC\r");
    change(output_flags, OPOST, 0);
    write_all(slave, "a\n\r\tb", 5);
    expect_bytes(master, "a\n\r\tb");
}

static void raw_echo(void)
{
    open_pair();
    change(local_flags, ICANON, 0);
    change(input_flags, ICRNL, 0);
    type("a\nb\rc\td\177");
    expect_bytes(slave, "a\nb\rc\td\177");
    expect_bytes(master, "a^Jb^Mc\td^?");
    change(input_flags, 0, ICRNL);
    type("\r");
    expect_bytes(master, "\r\n");
    change(local_flags, ECHOCTL, 0);
    type("\001");
    expect_bytes(master, "\001");
}

/* A line that is too long keeps its beginning and its end. */
static void long_line(void)
{
    static char text[5000], line[8192];

    open_pair();
    change(local_flags, ECHO, 0);
    memset(text, 'x', sizeof(text));
    write_all(master, text, sizeof(text));
    type("y\177z\n");
    CHECK(wait_readable(slave));
    CHECK_EQ(read(slave, line, sizeof(line)), 4096);
    CHECK(all_bytes(line, 'x', 4094));
    CHECK_EQ(line[4095], '\n');
    type("next\n");
    expect_line("next\n");
}

/* Complete lines that fill the input keep later ones waiting; none is lost. */
static void many_lines(void)
{
    char line[100], expected[100];

    open_pair();
    change(local_flags, ECHO, 0);
    for (int i = 0; i < 300; i++) {
        snprintf(line, sizeof(line), "this is line number %d\n", i);
        type(line);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(expected, sizeof(expected), "this is line number %d\n", i);
        CHECK(wait_readable(slave));
        ssize_t count = expect_ok(read(slave, line, sizeof(line) - 1));
        line[count] = 0;
        CHECK_STRING(line, expected);
    }
}

static void change_of_mode(void)
{
    open_pair();
    change(local_flags, ECHO, 0);
    type("abc");
    usleep(20000);
    change(local_flags, ICANON, 0); /* what was part of a line can be read as it is */
    expect_line("abc");
    type("de");
    usleep(20000);
    change(local_flags, 0, ICANON);
    expect_line("de"); /* as if it had been a line */
    type("f\n");
    expect_line("f\n");
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void set_minimum(cc_t minimum, cc_t tenths)
{
    set_character(VMIN, minimum);
    set_character(VTIME, tenths);
}

static void type_late(void *text)
{
    usleep(50000);
    type(text);
}

static void minimum_and_time(void)
{
    char buffer[10];

    open_pair();
    change(local_flags, ICANON | ECHO, 0);
    set_minimum(0, 0); /* what there is */
    CHECK_EQ(read(slave, buffer, 10), 0);
    type("ab");
    CHECK(wait_readable(slave));
    usleep(20000);
    CHECK_EQ(read(slave, buffer, 10), 2);
    set_minimum(0, 2); /* one byte, or the time */
    uint64_t start = now();
    CHECK_EQ(read(slave, buffer, 10), 0);
    CHECK(now() - start >= 190);
    set_minimum(0, 255);
    pid_t pid = spawn(type_late, "c");
    CHECK_EQ(read(slave, buffer, 10), 1);
    expect_exited(reap(pid), 0);
    set_minimum(3, 0); /* three bytes */
    type("d");
    pid = spawn(type_late, "ef");
    CHECK_EQ(read(slave, buffer, 10), 3);
    expect_exited(reap(pid), 0);
    set_minimum(3, 2); /* three bytes, or a pause behind the first */
    start = now();
    pid = spawn(type_late, "g");
    CHECK_EQ(read(slave, buffer, 10), 1);
    CHECK(now() - start >= 190);
    expect_exited(reap(pid), 0);
    type("hijk");
    CHECK(wait_readable(slave));
    CHECK_EQ(read(slave, buffer, 2), 2); /* no more than asked for */
}

static void minimum_and_poll(void)
{
    open_pair();
    change(local_flags, ICANON | ECHO, 0);
    set_minimum(3, 0);
    type("ab");
    CHECK(is_silent(slave));
    type("c");
    CHECK(wait_readable(slave));
    CHECK_EQ(events_of(slave), POLLIN | POLLOUT);
}

static void flow_control(void)
{
    open_pair();
    expect_ok(fcntl(slave, F_SETFL, O_NONBLOCK));
    change(local_flags, ECHO, 0);
    type("\023");
    while (events_of(slave) & POLLOUT)
        usleep(1000);
    expect_errno(write(slave, "x", 1), EAGAIN);
    type("\021");
    while (!(events_of(slave) & POLLOUT))
        usleep(1000);
    write_all(slave, "y", 1);
    expect_bytes(master, "y");
    change(input_flags, 0, IXANY);
    type("\023z");
    while (!(events_of(slave) & POLLOUT))
        usleep(1000);
    expect_ok(tcflow(slave, TCOOFF));
    expect_errno(write(slave, "x", 1), EAGAIN);
    type("\021");
    usleep(20000);
    expect_errno(write(slave, "x", 1), EAGAIN); /* only TCOON lets it go on */
    expect_ok(tcflow(slave, TCOON));
    write_all(slave, "w", 1);
    expect_bytes(master, "w");
    expect_ok(tcflow(slave, TCIOFF));
    expect_bytes(master, "\023");
    change(input_flags, IXON | IXANY, 0);
    type("\023\n");
    expect_line("z\023\n");
}

/* Echo of what is typed while output is stopped comes when it goes on. */
static void echo_while_stopped(void)
{
    open_pair();
    type("\023ab");
    CHECK(is_silent(master));
    type("\021");
    type("c\n");
    expect_line("abc\n");
    expect_bytes(master, "abc\r\n");
}

static void flushing(void)
{
    int count;

    open_pair();
    change(local_flags, ECHO, 0);
    type("one\ntwo\n");
    CHECK(wait_readable(slave));
    usleep(20000);
    expect_ok(ioctl(slave, FIONREAD, &count));
    CHECK_EQ(count, 8);
    expect_ok(tcflush(slave, TCIFLUSH));
    expect_ok(ioctl(slave, FIONREAD, &count));
    CHECK_EQ(count, 0);
    CHECK(is_silent(slave));
    type("gone\n");
    CHECK(wait_readable(slave));
    struct termios settings;
    expect_ok(tcgetattr(slave, &settings));
    expect_ok(tcsetattr(slave, TCSAFLUSH, &settings));
    CHECK(is_silent(slave));
    type("par\003tial\n"); /* VINTR throws away what is before it */
    expect_line("tial\n");
    change(local_flags, 0, NOFLSH);
    type("par\003tial\n");
    expect_line("partial\n");
    expect_ok(ioctl(slave, TIOCOUTQ, &count));
    CHECK_EQ(count, 0);
}

static const struct test tests[] = {
    TEST(lines),
    TEST(ends_of_file),
    TEST(editing),
    TEST(editing_shown_otherwise),
    TEST(literal_and_reprint),
    TEST(other_line_ends),
    TEST(multi_byte),
    TEST(input_mapping),
    TEST(output_mapping),
    TEST(raw_echo),
    TEST(long_line),
    TEST(many_lines),
    TEST(change_of_mode),
    TEST(minimum_and_time),
    TEST(minimum_and_poll),
    TEST(flow_control),
    TEST(echo_while_stopped),
    TEST(flushing),
};

int main(int argc, char **argv)
{
    return TAP_MAIN(argc, argv, tests);
}
