// sources: tests/host/shim/shim.c tests/host/shim/memory.c
/* The shim itself: locks, waiting, failures, the exact allocator. */
#include <string.h>
#include "check.h"
#include "core/wait.h"
#include "shim.h"

static struct spinlock low, high;
static struct mutex mutex;
static struct rwlock rwlock;
static struct wait_queue queue;
static int events;

static void start(void)
{
    shim_memory_start(64);
    spin_init(&low, "low", RANK_PMAP);
    spin_init(&high, "high", RANK_FRAMES);
    mutex_init(&mutex, "mutex", RANK_OBJECT);
    rwlock_init(&rwlock, "rwlock", RANK_ASPACE);
    wait_queue_init(&queue, "queue");
    events = 0;
}

static void locks(void)
{
    start();
    rwlock_read(&rwlock);
    mutex_lock(&mutex);
    CHECK(mutex_is_held(&mutex) && !mutex_trylock(&mutex));
    CHECK(rwlock_is_read(&rwlock) && !rwlock_is_written(&rwlock));
    spin_lock(&low);
    spin_lock(&high);
    CHECK(shim_locks_held() == 4 && shim_interrupts_off);
    spin_unlock(&low);
    CHECK(shim_interrupts_off);
    spin_unlock(&high);
    CHECK(!shim_interrupts_off);
    mutex_unlock(&mutex);
    rwlock_read_done(&rwlock);
    CHECK(shim_locks_held() == 0);
}

static void lock_spin(void *lock)
{
    spin_lock(lock);
}

static void unlock_spin(void *lock)
{
    spin_unlock(lock);
}

static void lock_mutex(void *lock)
{
    mutex_lock(lock);
}

static void read_rwlock(void *lock)
{
    rwlock_read(lock);
}

static void wrong_order(void)
{
    start();
    spin_lock(&high);
    CHECK(shim_panics(lock_spin, &low));
    CHECK(shim_panics(lock_spin, &high));
    CHECK(shim_panics(lock_mutex, &mutex));
    CHECK(shim_panics(unlock_spin, &low));
    spin_unlock(&high);
    mutex_lock(&mutex);
    CHECK(shim_panics(read_rwlock, &rwlock));
    mutex_unlock(&mutex);
    rwlock_read(&rwlock);
    CHECK(shim_panics(read_rwlock, &rwlock));
    rwlock_read_done(&rwlock);
}

/* Makes an event at every third call, after two without any. */
static bool late_event(void)
{
    mutex_lock(&mutex);
    events++;
    if (events % 3 == 0)
        wake_all(&queue);
    mutex_unlock(&mutex);
    return events < 10;
}

static bool no_wake(void)
{
    return ++events < 10;
}

static void wait_for_event(void *unused)
{
    (void)unused;
    wait_event(&queue, events >= 6);
}

static void waiting(void)
{
    start();
    shim_wait_hook = late_event;
    rwlock_write(&rwlock);
    wait_for_event(NULL);
    rwlock_write_done(&rwlock);
    CHECK(events == 6 && shim_sleeps == 2);
    CHECK(wait_event_until(&queue, events > 100, WAIT_UNINTERRUPTIBLE, 500) == -ETIMEDOUT);
    CHECK(shim_time == 500);
    shim_signalled = true;
    CHECK(wait_event_interruptible(&queue, events > 100) == -EINTR);
    CHECK(wait_event_interruptible(&queue, events > 1) == 0);
}

/* A condition that becomes true without a wake is a lost wake. */
static void lost_wake(void)
{
    start();
    shim_wait_hook = no_wake;
    CHECK(shim_panics(wait_for_event, NULL));
}

/* The hook needs a lock that the sleeper holds. */
static void deadlock(void)
{
    start();
    shim_wait_hook = late_event;
    mutex_lock(&mutex);
    CHECK(shim_panics(wait_for_event, NULL));
}

static void memory(void)
{
    struct slab_cache cache;
    struct page *page;
    void *object;
    start();
    slab_cache_init(&cache, "test", 100, 8);
    shim_fail_allocation(2);
    page = page_allocate(0, PAGE_ZERO);
    CHECK(page && !slab_allocate(&cache) && shim_allocation_failed());
    object = slab_allocate_zeroed(&cache);
    CHECK(object && shim_live_objects() == 1 && shim_live_frames() == 1);
    memset(page_data(page), 1, PAGE_SIZE);
    page_reference(page);
    page_release(page);
    page_release(page);
    slab_free(&cache, object);
    CHECK(shim_live_objects() == 0 && shim_live_frames() == 0);
    while ((page = page_allocate(1, PAGE_NOWAIT)))
        CHECK(page_address(page) % (2 * PAGE_SIZE) == 0);
    CHECK(page_count_free() <= 2);
    shim_end();
}

int main(void)
{
    check_case("locks", locks);
    check_case("locks taken and dropped wrongly", wrong_order);
    check_case("waiting", waiting);
    check_case("a lost wake", lost_wake);
    check_case("a deadlock with the hook", deadlock);
    check_case("memory", memory);
    return check_done();
}
