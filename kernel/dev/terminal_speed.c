/* Speeds of terminals (terminal_speed.h). */
#include "dev/terminal_speed.h"

/* By code; those from the second table on have CBAUDEX set, where code 0 is BOTHER. */
static const uint32_t slow[] = {0,   50,   75,   110,  134,  150,  200,   300,
                                600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
static const uint32_t fast[] = {0,       57600,   115200,  230400,  460800,  500000,
                                576000,  921600,  1000000, 1152000, 1500000, 2000000,
                                2500000, 3000000, 3500000, 4000000};

static uint32_t speed_of(uint32_t code, uint32_t other)
{
    if (code == BOTHER)
        return other;
    return code & CBAUDEX ? fast[code & 15] : slow[code & 15];
}

void terminal_speeds_of_codes(struct termios2 *settings)
{
    uint32_t output = settings->base.control_flags & CBAUD;
    uint32_t input = settings->base.control_flags >> INPUT_SHIFT & CBAUD;

    settings->output_speed = speed_of(output, settings->output_speed);
    /* A code of 0 stands for the same speed as that of the output. */
    settings->input_speed = input ? speed_of(input, settings->input_speed) : settings->output_speed;
}
