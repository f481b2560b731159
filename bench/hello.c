/* The dynamic program that a benchmark starts: prints a line and ends. */
#include <stdio.h>

int main(void)
{
    return puts("hello, world") < 0;
}
