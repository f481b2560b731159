/* Terminals: the structures and flags of termios(3) and ioctl_tty(2) of the riscv64 Linux ABI. */
#ifndef MAPIX_ABI_TERMIOS_H
#define MAPIX_ABI_TERMIOS_H

#include <stdint.h>

#define NCCS 19

struct termios {
    uint32_t input_flags, output_flags, control_flags, local_flags;
    uint8_t line;
    uint8_t characters[NCCS];
};

/* As TCGETS2 has it: with the speeds in bits per second. */
struct termios2 {
    struct termios base;
    uint32_t input_speed, output_speed;
};

_Static_assert(sizeof(struct termios) == 36, "termios");
_Static_assert(sizeof(struct termios2) == 44, "termios2");

/* As TCGETA has it: the lower halves of the flags, and the first characters. */
struct termio {
    uint16_t input_flags, output_flags, control_flags, local_flags;
    uint8_t line;
    uint8_t characters[8];
};

_Static_assert(sizeof(struct termio) == 18, "termio");

struct winsize {
    uint16_t rows, columns, pixels_x, pixels_y;
};

/* Indices of characters[]. */
#define VINTR    0
#define VQUIT    1
#define VERASE   2
#define VKILL    3
#define VEOF     4
#define VTIME    5
#define VMIN     6
#define VSTART   8
#define VSTOP    9
#define VSUSP    10
#define VEOL     11
#define VREPRINT 12
#define VDISCARD 13
#define VWERASE  14
#define VLNEXT   15
#define VEOL2    16

/* input_flags */
#define PARMRK 0x0008
#define ISTRIP 0x0020
#define INLCR  0x0040
#define IGNCR  0x0080
#define ICRNL  0x0100
#define IUCLC  0x0200
#define IXON   0x0400
#define IXANY  0x0800
#define IUTF8  0x4000

/* output_flags */
#define OPOST  0x0001
#define OLCUC  0x0002
#define ONLCR  0x0004
#define OCRNL  0x0008
#define ONOCR  0x0010
#define ONLRET 0x0020
#define TABDLY 0x1800
#define XTABS  0x1800

/* control_flags; the code of the input speed is that of the output speed, shifted */
#define CBAUD       0x100f
#define CBAUDEX     0x1000
#define BOTHER      0x1000
#define B38400      0x000f
#define B115200     0x1002
#define CSIZE       0x0030
#define CS8         0x0030
#define CREAD       0x0080
#define PARENB      0x0100
#define HUPCL       0x0400
#define INPUT_SHIFT 16

/* local_flags */
#define ISIG    0x0001
#define ICANON  0x0002
#define ECHO    0x0008
#define ECHOE   0x0010
#define ECHOK   0x0020
#define ECHONL  0x0040
#define NOFLSH  0x0080
#define TOSTOP  0x0100
#define ECHOCTL 0x0200
#define ECHOPRT 0x0400
#define ECHOKE  0x0800
#define IEXTEN  0x8000
#define EXTPROC 0x10000

/* Arguments of TCXONC and TCFLSH. */
#define TCOOFF    0
#define TCOON     1
#define TCIOFF    2
#define TCION     3
#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2

/* What the first byte of a read says in packet mode (ioctl_tty(2), TIOCPKT). */
#define TIOCPKT_DATA       0
#define TIOCPKT_FLUSHREAD  0x01
#define TIOCPKT_FLUSHWRITE 0x02
#define TIOCPKT_STOP       0x04
#define TIOCPKT_START      0x08
#define TIOCPKT_NOSTOP     0x10
#define TIOCPKT_DOSTOP     0x20
#define TIOCPKT_IOCTL      0x40

#endif
