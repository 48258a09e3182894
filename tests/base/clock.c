#include "clock.h"

#include <criterion/criterion.h>
#include <time.h>

Test(clock, wall_can_be_set_and_given_back)
{
    int64_t real = (int64_t)time(NULL) * 1000;

    clock_set_wall_ms(12345);
    cr_assert_eq(clock_wall_ms(), 12345);
    cr_assert_neq(clock_mono_ms(), 12345, "the other clock goes on");
    clock_set_wall_ms(0);
    cr_assert_eq(clock_wall_ms(), 0);
    clock_set_wall_ms(-1);
    cr_assert_geq(clock_wall_ms(), real);
}

Test(clock, mono_can_be_set_and_given_back)
{
    int64_t before = clock_mono_ms();

    clock_set_mono_ms(7);
    cr_assert_eq(clock_mono_ms(), 7);
    clock_set_mono_ms(-1);
    cr_assert_geq(clock_mono_ms(), before);
}
