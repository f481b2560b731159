/* personality(2). */
#ifndef MAPIX_ABI_PERSONALITY_H
#define MAPIX_ABI_PERSONALITY_H

#define PERSONALITY_QUERY 0xffffffffu /* asks for the current one */
#define ADDR_NO_RANDOMIZE 0x0040000u

#endif
