/*
 * The lab's regression of the whole kernel: bad pointers, files, directories, pipes, processes,
 * programs and memory, each test in a process of its own and in an empty directory.
 *
 * usertests runs all tests, usertests NAME... these, usertests -l lists them.
 */
#include "../guest/tap.h"
#include "../guest/small_elf.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

/* An address in this program's text. */
static const char *const own_text = (const char *)(uintptr_t)fail;

#include "usertests/pointers.c"
#include "usertests/files.c"
#include "usertests/directories.c"
#include "usertests/pipes.c"
#include "usertests/processes.c"
#include "usertests/programs.c"
#include "usertests/memory.c"

static const struct test tests[] = {
    TEST(bad_paths),
    TEST(bad_structures),
    TEST(bad_pipe_result),
    TEST(bad_buffers),
    TEST(buffers_across_the_edge),
    TEST(pipe_across_the_edge),
    TEST(write_from_the_heaps_end),
    TEST(strings_across_the_edge),
    TEST(structures_across_the_edge),
    TEST(bad_wait_results),
    TEST(bad_vectors),
    TEST(bad_arguments_of_exec),
    TEST(bad_descriptors),
    TEST(unknown_calls),
    TEST(pieces_of_all_sizes),
    TEST(large_file),
    TEST(create_and_unlink),
    TEST(unlinked_while_open),
    TEST(truncated_by_another),
    TEST(several_appenders),
    TEST(shared_offset),
    TEST(several_files_at_once),
    TEST(names_fought_over),
    TEST(exclusive_creation),
    TEST(replaced_while_read),
    TEST(all_descriptors),
    TEST(descriptors_are_lowest),
    TEST(inherited_descriptors),
    TEST(many_small_files),
    TEST(deep_directories),
    TEST(read_while_removing),
    TEST(removed_directory),
    TEST(directory_races),
    TEST(long_names),
    TEST(symbolic_link_loops),
    TEST(link_counts),
    TEST(subdirectories_count),
    TEST(rename_rules),
    TEST(directories_moved_about),
    TEST(wrong_kinds),
    TEST(sequence_through_a_pipe),
    TEST(large_write),
    TEST(records_are_whole),
    TEST(no_reader),
    TEST(sleeping_writer),
    TEST(sleeping_reader),
    TEST(chain_of_pipes),
    TEST(many_pipes),
    TEST(exit_statuses),
    TEST(many_children),
    TEST(children_with_children),
    TEST(bounded_fork_bomb),
    TEST(numbers_are_unique),
    TEST(orphans_are_adopted),
    TEST(many_orphans),
    TEST(killed_anywhere),
    TEST(killed_by_signals),
    TEST(killed_by_group),
    TEST(waiting_rules),
    TEST(execute_repeatedly),
    TEST(small_program),
    TEST(bad_headers),
    TEST(bad_segments),
    TEST(truncated_programs),
    TEST(not_programs),
    TEST(arguments_arrive),
    TEST(scripts),
    TEST(bad_scripts),
    TEST(too_many_arguments),
    TEST(closed_on_execute),
    TEST(heap_grows_and_shrinks),
    TEST(heap_limits),
    TEST(endless_recursion),
    TEST(memory_exhausted),
    TEST(copies_exhausted),
    TEST(nothing_leaks),
    TEST(disk_exhausted),
    TEST(nothing_fits),
    TEST(disk_leaks_nothing),
};

static bool chosen(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc <= 1;
}

static int run_chosen(int argc, char **argv)
{
    char why[600];
    int run = 0, failed = 0;

    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        if (!chosen(argc, argv, tests[i].name))
            continue;
        run++;
        switch (suite_run(&tests[i], why, sizeof(why))) {
        case PASSED:
            printf("test %s: OK\n", tests[i].name);
            break;
        case SKIPPED:
            printf("test %s: skipped: %s\n", tests[i].name, why);
            break;
        case FAILED:
            printf("test %s: FAILED: %s\n", tests[i].name, why);
            failed++;
            break;
        }
    }
    if (run < argc - 1)
        printf("%d arguments name no test (-l lists them)\n", argc - 1 - run);
    else if (failed)
        printf("%d TESTS FAILED\n", failed);
    else
        printf("ALL TESTS PASSED\n");
    return failed != 0 || run < argc - 1;
}

int main(int argc, char **argv, char **environment)
{
    if (argc > 1 && (argv[1][0] == '@' || argv[0][0] == '@'))
        return run_as_program(argc, argv, environment);
    if (argc == 2 && strcmp(argv[1], "-l") == 0) {
        for (size_t i = 0; i < COUNT_OF(tests); i++)
            puts(tests[i].name);
        return 0;
    }
    suite_begin("usertests");
    int status = run_chosen(argc, argv);
    suite_end();
    return status;
}
