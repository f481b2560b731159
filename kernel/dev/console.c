/*
 * The console (console.h), and the way of what is typed:
 *
 *   UART interrupt --> received (bytes as they come) --> console thread --> line discipline
 *
 * The thread is there because signals to a group and echo take locks that an interrupt must not
 * wait for. Output is never on its way when a write returns.
 */
#include "dev/console.h"
#include "abi/device.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/printk.h"
#include "core/random.h"
#include "core/thread.h"
#include "core/time.h"
#include "dev/terminal_internal.h"
#include "dev/uart.h"

#define RECEIVED_SIZE 65536u
#define SERIAL_MAJOR  4
#define SERIAL_MINOR  64
#define SPEED         115200u

static struct terminal console;

/* Bytes as they come from the line. */
static struct {
    struct spinlock lock;
    struct ring ring; /* (lock) */
    struct wait_queue arrived;
    char bytes[RECEIVED_SIZE];
} received;

void console_input(char byte)
{
    spin_lock(&received.lock);
    ring_put(&received.ring, &byte, 1);
    spin_unlock(&received.lock);
    random_stir(time_now());
    wake_all(&received.arrived);
}

static bool console_receive(struct terminal *terminal, unsigned char *byte)
{
    (void)terminal;
    spin_lock(&received.lock);
    bool taken = ring_take(&received.ring, (char *)byte, 1) == 1;
    spin_unlock(&received.lock);
    return taken;
}

static size_t console_send(struct terminal *terminal, const char *bytes, size_t count)
{
    (void)terminal;
    uart_write(bytes, count);
    return count;
}

static size_t console_room(const struct terminal *terminal)
{
    (void)terminal;
    return SIZE_MAX;
}

/* The line is what it is: its speed and size of bytes do not change. */
static void console_settings_changed(struct terminal *terminal, const struct termios2 *before)
{
    struct termios2 *settings = &terminal->settings;

    (void)before;
    settings->base.control_flags = (settings->base.control_flags & HUPCL) | B115200 | CS8 | CREAD;
    settings->input_speed = settings->output_speed = SPEED;
}

static const struct terminal_driver console_driver = {
    .send = console_send,
    .room = console_room,
    .receive = console_receive,
    .settings_changed = console_settings_changed,
    .hangs_up_at_exit = true,
};

/* How many bytes have come so far. */
static uint32_t arrivals(void)
{
    spin_lock(&received.lock);
    uint32_t count = received.ring.tail;
    spin_unlock(&received.lock);
    return count;
}

/* Woken by bytes that come. What finds no room is handled by the reader who makes some. */
static void console_thread(void *argument)
{
    uint32_t seen = 0;

    (void)argument;
    for (;;) {
        wait_event(&received.arrived, arrivals() != seen);
        seen = arrivals();
        terminal_handle_received(&console);
    }
}

void console_init(void)
{
    if (terminal_init(&console, &console_driver, device_number(SERIAL_MAJOR, SERIAL_MINOR)))
        panic("no memory for the console");
    console_settings_changed(&console, &console.settings);
    console.settings.base.control_flags |= HUPCL;
    received.ring = (struct ring){.bytes = received.bytes, .size = RECEIVED_SIZE};
    spin_init(&received.lock, "console input", RANK_DEVICE);
    wait_queue_init(&received.arrived, "console input");
    if (kernel_thread_start("console", console_thread, NULL))
        panic("no memory for the console thread");
}

int console_open(struct file *file, bool may_control)
{
    int error = terminal_open(&console, file, may_control);

    if (!error && !may_control)
        ((struct terminal_file *)file->state)->lasting = true;
    return error;
}
