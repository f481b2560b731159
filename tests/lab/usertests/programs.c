/* Usertests: executing programs, good and bad ones, and their arguments. */

/* What main does when this program was executed by one of its tests. */
static int run_as_program(int argc, char **argv, char **environment)
{
    if (strcmp(argv[1], "@exit") == 0)
        return argc > 2 ? atoi(argv[2]) : 0;
    /* @dump: each argument, an empty line, each variable */
    for (int i = 0; i < argc; i++)
        write_all(1, argv[i], strlen(argv[i]) + 1);
    write_all(1, "--", 3);
    for (char **variable = environment; *variable; variable++)
        write_all(1, *variable, strlen(*variable) + 1);
    return 0;
}

struct execution {
    const char *path;
    char **argv, **envp;
    int output[2];
};

static void execute_with_output(void *argument)
{
    struct execution *execution = argument;

    dup2(execution->output[1], 1);
    close(execution->output[0]);
    close(execution->output[1]);
    execve(execution->path, execution->argv, execution->envp);
    _exit(errno);
}

/* Execute a program; what it prints is stored, the length returned. */
static size_t output_of(const char *path, char **argv, char **envp, char *buffer, size_t size)
{
    struct execution execution = {path, argv, envp, {-1, -1}};
    size_t length = 0;
    ssize_t count;

    expect_ok(pipe(execution.output));
    pid_t pid = spawn(execute_with_output, &execution);
    expect_ok(close(execution.output[1]));
    while ((count = expect_ok(read(execution.output[0], buffer + length, size - length))) > 0)
        length += (size_t)count;
    expect_ok(close(execution.output[0]));
    expect_exited(reap(pid), 0);
    return length;
}

static void execute_path(void *argument)
{
    char *argv[] = {argument, NULL}, *envp[] = {NULL};

    execve(argument, argv, envp);
    _exit(errno);
}

static void execute_repeatedly(void)
{
    char *argv[] = {"program", "@exit", "5", NULL}, *envp[] = {NULL};

    for (int i = 0; i < 30; i++) {
        pid_t pid = expect_ok(fork());
        if (pid == 0) {
            execve(self_path(), argv, envp);
            _exit(1);
        }
        expect_exited(reap(pid), 5);
    }
}

static void small_program(void)
{
    struct small_elf elf;

    small_elf_make(&elf, ET_EXEC, 42);
    small_elf_write(&elf, "program");
    for (int i = 0; i < 20; i++)
        expect_exited(child_status(execute_path, "program"), 42);
    small_elf_make(&elf, ET_DYN, 43);
    small_elf_write(&elf, "program");
    expect_exited(child_status(execute_path, "program"), 43);
}

/* Changes to a good program, each of which makes it something that cannot be executed. */
static void spoil(struct small_elf *elf, int how)
{
    switch (how) {
    case 0:
        elf->header.e_ident[EI_MAG0] = 0;
        break;
    case 1:
        elf->header.e_machine = EM_SPARC;
        break;
    case 2:
        elf->header.e_type = ET_REL;
        break;
    case 3:
        elf->header.e_type = ET_CORE;
        break;
    case 4:
        elf->header.e_phnum = 0;
        break;
    case 5:
        elf->header.e_phentsize = 55;
        break;
    case 6:
        elf->header.e_phoff = 1 << 20;
        break;
    case 7:
        elf->header.e_phoff = -8ul;
        break;
    case 8:
        elf->header.e_phnum = 65535;
        break;
    default:
        fail("no such change");
    }
}

static void bad_headers(void)
{
    struct small_elf elf;

    for (int how = 0; how < 9; how++) {
        small_elf_make(&elf, ET_EXEC, 42);
        spoil(&elf, how);
        small_elf_write(&elf, "program");
        int status = child_status(execute_path, "program");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != ENOEXEC)
            fail("change %d: wait status %#x", how, status);
    }
}

/* The program must not run: execve refuses it, or, as on Linux, it is too late for that and the
 * process is killed. */
static void cannot_run(const struct small_elf *elf, const char *what)
{
    small_elf_write(elf, "program");
    int status = child_status(execute_path, "program");
    bool refused =
        WIFEXITED(status) && (WEXITSTATUS(status) == ENOEXEC || WEXITSTATUS(status) == EINVAL ||
                              WEXITSTATUS(status) == ENOMEM || WEXITSTATUS(status) == EFAULT);
    if (!refused && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV))
        fail("%s: wait status %#x", what, status);
}

static void bad_segments(void)
{
    static const uint64_t addresses[] = {0xffffffc000000000, 0xffffffff80200000, 1ul << 63, -PAGE,
                                         1ul << 56};
    struct small_elf elf;

    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        small_elf_make(&elf, ET_EXEC, 42);
        elf.segment[0].p_vaddr = addresses[i];
        elf.header.e_entry = addresses[i] + offsetof(struct small_elf, code);
        cannot_run(&elf, "segment in the kernel half");
    }
    small_elf_make(&elf, ET_EXEC, 42);
    elf.segment[0].p_memsz = 1ul << 63; /* from user space across all of the kernel */
    cannot_run(&elf, "segment up to the kernel half");
    small_elf_make(&elf, ET_EXEC, 42);
    elf.segment[0].p_memsz = -SMALL_ELF_ADDRESS;
    cannot_run(&elf, "segment to the end of all addresses");
    small_elf_make(&elf, ET_EXEC, 42);
    elf.segment[0].p_memsz = elf.segment[0].p_filesz - 1;
    cannot_run(&elf, "more in the file than in memory");
    small_elf_make(&elf, ET_EXEC, 42);
    elf.segment[0].p_offset = 1;
    cannot_run(&elf, "offset and address not congruent");
    small_elf_make(&elf, ET_EXEC, 42);
    elf.header.e_entry = 0xffffffc000000000;
    cannot_run(&elf, "entry in the kernel half");
    small_elf_make(&elf, ET_EXEC, 42);
    elf.header.e_entry = 8;
    cannot_run(&elf, "entry where nothing is");
    small_elf_make(&elf, ET_EXEC, 42);
    elf.segment[0].p_flags = PF_R;
    cannot_run(&elf, "text that is not executable");
    small_elf_make(&elf, ET_EXEC, 42);
    elf.segment[0].p_type = PT_NOTE;
    cannot_run(&elf, "nothing to load");
}

/* A file that ends early: before the header, the program headers or the text does. */
static void truncated_programs(void)
{
    struct small_elf elf;

    small_elf_make(&elf, ET_EXEC, 42);
    small_elf_write(&elf, "program");
    for (off_t size = sizeof(elf); size >= (off_t)offsetof(struct small_elf, code) + 40;
         size -= 8) {
        expect_ok(truncate("program", size));
        expect_exited(child_status(execute_path, "program"), 42); /* padded with zeros */
    }
    expect_ok(truncate("program", 0));
    expect_exited(child_status(execute_path, "program"), ENOEXEC);
    static const off_t sizes[] = {1, 4, 16, 32, 63, 64, 80, 119};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        small_elf_write(&elf, "program");
        expect_ok(truncate("program", sizes[i]));
        int status = child_status(execute_path, "program");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != ENOEXEC)
            fail("%d bytes: wait status %#x", (int)sizes[i], status);
    }
}

static void not_programs(void)
{
    static char zeros[5000];

    write_file("text", "this is a text\n", 0755);
    expect_exited(child_status(execute_path, "text"), ENOEXEC);
    write_file("text", "", 0755);
    expect_exited(child_status(execute_path, "text"), ENOEXEC);
    int fd = expect_ok(open("zeros", O_WRONLY | O_CREAT, 0755));
    write_all(fd, zeros, sizeof(zeros));
    expect_ok(close(fd));
    expect_exited(child_status(execute_path, "zeros"), ENOEXEC);
    write_file("plain", "#!/bin/true\n", 0644);
    expect_exited(child_status(execute_path, "plain"), EACCES);
    expect_ok(mkdir("dir", 0755));
    expect_exited(child_status(execute_path, "dir"), EACCES);
    expect_exited(child_status(execute_path, "missing"), ENOENT);
    expect_exited(child_status(execute_path, ""), ENOENT);
    expect_exited(child_status(execute_path, "text/x"), ENOTDIR);
    expect_ok(symlink("loop", "loop"));
    expect_exited(child_status(execute_path, "loop"), ELOOP);
    expect_exited(child_status(execute_path, "/dev/null"), EACCES);
}

#define MAX_DUMP 8192

/* Execute path with these arguments; what it dumps must be these strings in this order. */
static void expect_dump(const char *path, char **argv, char **envp, const char *expected,
                        size_t size)
{
    static char buffer[MAX_DUMP];
    size_t length = output_of(path, argv, envp, buffer, sizeof(buffer));

    if (length != size || memcmp(buffer, expected, size) != 0) {
        for (size_t i = 0; i + 1 < length; i++)
            if (buffer[i] == '\0')
                buffer[i] = '|';
        buffer[length ? length - 1 : 0] = '\0';
        fail("dump of %s: \"%s\"", path, buffer);
    }
}

#define EXPECT_DUMP(path, argv, envp, text) expect_dump(path, argv, envp, text, sizeof(text))

static void arguments_arrive(void)
{
    char *argv[] = {"name", "@dump", "", "a b", "\377\1", "", NULL};
    char *envp[] = {"A=1", "", "no-equals", "LONG=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL};
    char *nothing[] = {NULL};

    EXPECT_DUMP(self_path(), argv, envp,
                "name\0@dump\0\0a b\0\377\1\0\0--\0A=1\0\0no-equals\0"
                "LONG=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    EXPECT_DUMP(self_path(), argv, nothing, "name\0@dump\0\0a b\0\377\1\0\0--");
    EXPECT_DUMP(self_path(), argv, NULL, "name\0@dump\0\0a b\0\377\1\0\0--");
}

/* A script is given to its interpreter: its one argument, the script's path, the rest. */
static void scripts(void)
{
    char *argv[] = {"ignored", "one", "two", NULL}, *envp[] = {"V=1", NULL};

    expect_ok(symlink(self_path(), "@i"));
    write_file("script", "#!@i @dump\nanything\n", 0755);
    EXPECT_DUMP("script", argv, envp, "@i\0@dump\0script\0one\0two\0--\0V=1");
    EXPECT_DUMP("./script", argv, envp, "@i\0@dump\0./script\0one\0two\0--\0V=1");
    write_file("script", "#! \t @i \t @dump and more \t \n", 0755);
    EXPECT_DUMP("script", argv, envp, "@i\0@dump and more\0script\0one\0two\0--\0V=1");
    write_file("script", "#!@i @dump", 0755); /* no newline */
    EXPECT_DUMP("script", argv, envp, "@i\0@dump\0script\0one\0two\0--\0V=1");
    write_file("script", "#!@i\n", 0755); /* no argument: the script's path is the first */
    EXPECT_DUMP("script", argv, envp, "@i\0script\0one\0two\0--\0V=1");
    /* A script may be the interpreter of another. */
    write_file("outer", "#!script of outer\n", 0755);
    EXPECT_DUMP("outer", argv, envp, "@i\0script\0of outer\0outer\0one\0two\0--\0V=1");
}

static void bad_scripts(void)
{
    char line[600];

    write_file("script", "#!/no/such/interpreter\n", 0755);
    expect_exited(child_status(execute_path, "script"), ENOENT);
    write_file("script", "#!\n", 0755);
    expect_exited(child_status(execute_path, "script"), ENOEXEC);
    write_file("script", "#!    \n", 0755);
    expect_exited(child_status(execute_path, "script"), ENOEXEC);
    write_file("script", "#!.\n", 0755);
    expect_exited(child_status(execute_path, "script"), EACCES);
    write_file("self", "#!self\n", 0755);
    expect_exited(child_status(execute_path, "self"), ELOOP);
    /* The interpreter's name must end within the first 256 bytes. */
    memset(line, 'x', sizeof(line));
    memcpy(line, "#!/", 3);
    line[500] = '\0';
    write_file("script", line, 0755);
    expect_exited(child_status(execute_path, "script"), ENOEXEC);
}

/* Arguments up to the limits: one string of 128 KiB; all together a quarter of the stack. */
static int execute_many(size_t count, size_t length)
{
    char *string = map_pages((length + PAGE) / PAGE);
    char **argv = (char **)map_pages((count + 4) * sizeof(*argv) / PAGE + 1), *envp[] = {NULL};

    memset(string, 's', length);
    argv[0] = "program";
    argv[1] = "@exit";
    argv[2] = "6";
    for (size_t i = 0; i < count; i++)
        argv[3 + i] = string;
    fflush(stdout);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        execve(self_path(), argv, envp);
        _exit(errno);
    }
    int status = reap(pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void too_many_arguments(void)
{
    struct rlimit limit;

    CHECK_EQ(execute_many(1, 131071), 6);
    CHECK_EQ(execute_many(1, 131072), E2BIG);
    expect_ok(getrlimit(RLIMIT_STACK, &limit));
    if (limit.rlim_cur != 8 << 20)
        skip("the stack's limit is not 8 MiB");
    CHECK_EQ(execute_many(20, 100000), 6);
    CHECK_EQ(execute_many(21, 100000), E2BIG);
    CHECK_EQ(execute_many(100000, 8), 6); /* 9 bytes and 8 of a pointer, each */
    CHECK_EQ(execute_many(150000, 8), E2BIG);
}

/* Descriptors marked so are closed, the others stay. */
static void closed_on_execute(void)
{
    char *argv[] = {"name", "@dump", NULL}, *envp[] = {NULL};
    int ends[2], marked[2];
    char byte;

    expect_ok(pipe(ends));
    expect_ok(pipe2(marked, O_CLOEXEC));
    CHECK_EQ(expect_ok(fcntl(marked[1], F_GETFD)), FD_CLOEXEC);
    pid_t pid = expect_ok(fork());
    if (pid == 0) {
        dup2(ends[1], 1);
        execve(self_path(), argv, envp);
        _exit(1);
    }
    expect_ok(close(marked[1]));
    CHECK_EQ(read(marked[0], &byte, 1), 0); /* the program has not got it */
    read_all(ends[0], &byte, 1);
    CHECK_EQ(byte, 'n');
    expect_exited(reap(pid), 0);
}
