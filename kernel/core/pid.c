/* Process identifiers (pid.h). */
#include "core/pid.h"
#include "abi/errno.h"
#include <stdint.h>

/* Where numbers go on after they went round; below are long-lived ones. */
#define PID_RESERVED 300

static uint32_t uses[PID_MAX];
static int last;
int pid_limit = PID_MAX;

int pid_allocate(void)
{
    int number = last;
    for (int tries = 0; tries < PID_MAX; tries++) {
        if (++number >= pid_limit)
            number = PID_RESERVED;
        if (uses[number] == 0) {
            uses[number] = 1;
            last = number;
            return number;
        }
    }
    return -EAGAIN;
}

int pid_last(void)
{
    return last;
}

void pid_use(int number)
{
    if (number)
        uses[number]++;
}

void pid_release(int number)
{
    if (number)
        uses[number]--;
}
