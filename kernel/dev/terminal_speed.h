/*
 * Speeds of terminals: the codes of termios(3), and bits per second.
 */
#ifndef MAPIX_DEV_TERMINAL_SPEED_H
#define MAPIX_DEV_TERMINAL_SPEED_H

#include "abi/termios.h"

/* Set the speeds to what the codes in control_flags say; where they say BOTHER, keep them. */
void terminal_speeds_of_codes(struct termios2 *settings);

#endif
