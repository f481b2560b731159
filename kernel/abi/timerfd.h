/* Flags of timerfd_create(2) and timerfd_settime(2). */
#ifndef MAPIX_ABI_TIMERFD_H
#define MAPIX_ABI_TIMERFD_H

#define TFD_NONBLOCK 04000
#define TFD_CLOEXEC  02000000

#define TFD_TIMER_ABSTIME       1
#define TFD_TIMER_CANCEL_ON_SET 2

#endif
