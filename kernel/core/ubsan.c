/*
 * What the compiler calls when it finds undefined behaviour at run time (-fsanitize=undefined, the
 * DEBUG kernel): the names and the layout of the data are the compiler's. Each begins with the
 * place in the source. All are kernel bugs.
 */
#ifdef DEBUG

#include "core/printk.h"
#include <stdint.h>

struct place {
    const char *file;
    uint32_t line, column;
};

static _Noreturn void report(const struct place *place, const char *what)
{
    panic("undefined behaviour: %s (%s:%u:%u)", what, place->file, place->line, place->column);
}

/* Handlers get a pointer to their data and up to three operands, which the message does without. */
#define HANDLER(name, what)                                                                        \
    void __ubsan_handle_##name(const struct place *place);                                         \
    void __ubsan_handle_##name(const struct place *place)                                          \
    {                                                                                              \
        report(place, what);                                                                       \
    }                                                                                              \
    void __ubsan_handle_##name##_abort(const struct place *place);                                 \
    void __ubsan_handle_##name##_abort(const struct place *place)                                  \
    {                                                                                              \
        report(place, what);                                                                       \
    }

HANDLER(add_overflow, "overflow of an addition")
HANDLER(sub_overflow, "overflow of a subtraction")
HANDLER(mul_overflow, "overflow of a multiplication")
HANDLER(negate_overflow, "overflow of a negation")
HANDLER(divrem_overflow, "division by zero or overflow of a division")
HANDLER(shift_out_of_bounds, "shift by too many or a negative number of bits")
HANDLER(out_of_bounds, "index outside of an array")
HANDLER(type_mismatch_v1, "null or misaligned pointer, or object too small")
HANDLER(vla_bound_not_positive, "size of a variable-length array not positive")
HANDLER(load_invalid_value, "value that the type does not have")
HANDLER(builtin_unreachable, "unreachable code reached")
HANDLER(missing_return, "function without return value")
HANDLER(nonnull_arg, "null argument where none is allowed")
HANDLER(nonnull_return_v1, "null result where none is allowed")
HANDLER(pointer_overflow, "overflow of a pointer")
HANDLER(invalid_builtin, "zero passed to a bit-counting builtin")

#else

/* ISO C wants something in every file. */
typedef int ubsan_is_for_the_debug_kernel;

#endif
