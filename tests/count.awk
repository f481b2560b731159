# Reads what test programs printed, each between "## program NAME" and "## status NAME N", and counts.
#
#   awk -v expected="NAME..." -v patterns=DIRECTORY -v results=FILE -f tests/count.awk OUTPUT
#
# A program that prints TAP counts by its lines; one that does not counts as one test, which passes
# if its status is 0 and, where there is a file patterns/NAME.expect, each line of that file, an
# extended regular expression, matches a whole line of the output, the last one the last line.
# A program has failed too that is cut short, ends with a status of its own accord, or does not keep
# its plan, and so has one that was never started. Prints what failed and appends the counts of
# passed, failed and skipped tests to results.

function failure(text)
{
    failed++
    print "FAILED " name ": " text
}

function show_tail(   i)
{
    for (i = lines > 15 ? lines - 14 : 1; i <= lines; i++)
        print "    | " line[i]
}

function begin_program(new_name)
{
    if (name != "")
        end_program("")
    name = new_name
    lines = oks = skips = not_oks = 0
    plan = -1
    bailed = 0
    seen[name]++
}

function end_program(status,   problem)
{
    problem = ""
    if (status == "")
        problem = "did not end"
    else if (bailed)
        problem = "bailed out"
    else if (oks + not_oks + skips == 0 && plan < 0)
        problem = status == 0 ? missing_pattern() : ended_with(status)
    else if (plan != 0 && plan != oks + not_oks + skips)
        problem = "planned " (plan < 0 ? "nothing" : plan) ", ran " (oks + not_oks + skips) "; " ended_with(status)
    else if (status != 0 && not_oks == 0)
        problem = ended_with(status)
    if (problem != "") {
        failure(problem)
        show_tail()
    } else if (oks + not_oks + skips == 0) {
        if (plan == 0)
            skips++
        else
            oks++
    }
    passed += oks
    skipped += skips
    name = ""
}

function ended_with(status)
{
    return status > 128 ? "killed by signal " (status - 128) : "ended with status " status
}

# What of patterns/NAME.expect the output lacks.
function missing_pattern(   file, pattern, i, found)
{
    file = patterns "/" name ".expect"
    pattern = ""
    found = 1
    while (found && (getline pattern < file) > 0) {
        found = 0
        for (i = 1; i <= lines && !found; i++)
            found = line[i] ~ ("^(" pattern ")$")
    }
    close(file)
    if (!found)
        return "did not print: " pattern
    for (i = lines; i > 1 && line[i] == ""; )
        i--
    if (pattern != "" && line[i] !~ ("^(" pattern ")$"))
        return "the last line is not: " pattern
    return ""
}

{ sub(/\r$/, "") }

/^## program / {
    begin_program($3)
    next
}

/^## status / && $3 == name {
    end_program($4)
    next
}

name != "" {
    line[++lines] = $0
}

/^ok / && name != "" {
    if ($0 ~ /# *[Ss][Kk][Ii][Pp]/)
        skips++
    else
        oks++
}

/^not ok / && name != "" {
    not_oks++
    failure($0)
}

/^1\.\.[0-9]+/ && name != "" {
    plan = substr($1, 4) + 0
}

/^Bail out!/ && name != "" {
    bailed = 1
}

END {
    if (name != "")
        end_program("")
    count = split(expected, wanted, " ")
    for (i = 1; i <= count; i++) {
        if (!(wanted[i] in seen)) {
            name = wanted[i]
            failure("was not run")
        }
    }
    print passed + 0, failed + 0, skipped + 0 >> results
    printf "    (%d passed, %d failed%s)\n", passed, failed, skipped ? ", " skipped " skipped" : ""
}
