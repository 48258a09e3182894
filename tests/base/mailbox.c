#include "mailbox.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"
#include "mem.h"

enum { SENDERS = 4, EACH = 5000 };

struct letter {
    struct mail mail;
    int sender;
    int number;
};

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static struct letter *letter_new(int sender, int number, size_t weight)
{
    struct letter *l = mem_alloc(sizeof(*l));

    l->mail.weight = weight;
    l->sender = sender;
    l->number = number;
    return l;
}

static size_t count_and_free(struct mail *m)
{
    size_t n = 0;

    while (m) {
        struct mail *next = m->next;

        free(m);
        m = next;
        n++;
    }
    return n;
}

Test(mailbox, gives_out_in_the_order_of_posting)
{
    struct mailbox mb;
    struct mail a = { .type = 1 }, b = { .type = 2, .weight = 5 }, c = { .type = 3 };
    struct mail *all;

    mailbox_init(&mb, 10);
    cr_assert(mailbox_post(&mb, &a));
    cr_assert(mailbox_post_wait(&mb, &b));
    cr_assert(mailbox_post(&mb, &c));
    all = mailbox_take_all(&mb, -1);
    cr_assert_eq(all, &a);
    cr_assert_eq(a.next, &b);
    cr_assert_eq(b.next, &c);
    cr_assert_null(c.next);
    cr_assert(mailbox_post(&mb, &a), "a mail can be posted again once it was taken");
    cr_assert_eq(mailbox_take_all(&mb, -1), &a);
    cr_assert_null(a.next);
    mailbox_destroy(&mb);
}

Test(mailbox, deadline_ends_the_wait)
{
    struct mailbox mb;
    int64_t begin = clock_mono_ms();

    mailbox_init(&mb, 10);
    cr_assert_null(mailbox_take_all(&mb, 0), "a deadline in the past just looks");
    cr_assert_lt(clock_mono_ms() - begin, 1000);
    cr_assert_null(mailbox_take_all(&mb, clock_mono_ms() + 50));
    cr_assert_geq(clock_mono_ms() - begin, 50);
    cr_assert_not(mailbox_closed(&mb));
    mailbox_destroy(&mb);
}

Test(mailbox, deadline_is_on_a_clock_that_tests_can_set)
{
    struct mailbox mb;
    int64_t begin = clock_mono_ms();

    mailbox_init(&mb, 10);
    clock_set_mono_ms(INT64_C(1000000000000000));
    cr_assert_null(mailbox_take_all(&mb, clock_mono_ms() + 50));
    clock_set_mono_ms(-1);
    cr_assert_geq(clock_mono_ms() - begin, 49);
    cr_assert_lt(clock_mono_ms() - begin, 10000);
    mailbox_destroy(&mb);
}

Test(mailbox, close_fails_posts_and_still_gives_out)
{
    struct mailbox mb;
    struct mail a = { 0 }, b = { 0 };

    mailbox_init(&mb, 10);
    cr_assert(mailbox_post(&mb, &a));
    mailbox_close(&mb);
    mailbox_close(&mb);
    cr_assert(mailbox_closed(&mb));
    cr_assert_not(mailbox_post(&mb, &b));
    cr_assert_not(mailbox_post_wait(&mb, &b));
    cr_assert_eq(mailbox_take_all(&mb, -1), &a);
    cr_assert_null(mailbox_take_all(&mb, -1), "closed and empty: nobody may wait for ever");
    mailbox_destroy(&mb);
}

struct waiter {
    struct mailbox *mb;
    struct mail mail;
    bool posted;
    atomic_bool done;
};

static void *post_one(void *arg)
{
    struct waiter *w = arg;

    w->posted = mailbox_post_wait(w->mb, &w->mail);
    atomic_store(&w->done, true);
    return NULL;
}

Test(mailbox, heavy_mail_waits_for_room)
{
    struct mailbox mb;
    struct mail first = { .weight = 6 }, light = { .weight = 4 }, small = { .weight = 100 };
    struct waiter w = { .mb = &mb, .mail = { .weight = 5 } };
    pthread_t thread;

    mailbox_init(&mb, 10);
    cr_assert(mailbox_post_wait(&mb, &first));
    pthread_create(&thread, NULL, post_one, &w);
    sleep_ms(50);
    cr_assert_not(atomic_load(&w.done));
    cr_assert(mailbox_post_wait(&mb, &light), "6 + 4 is the limit, not over it");
    cr_assert(mailbox_post(&mb, &small), "never waits");
    cr_assert_eq(mailbox_take_all(&mb, -1), &first);
    pthread_join(thread, NULL);
    cr_assert(w.posted);
    cr_assert_eq(mailbox_take_all(&mb, -1), &w.mail);
    mailbox_destroy(&mb);
}

Test(mailbox, mail_over_the_limit_goes_in_alone)
{
    struct mailbox mb;
    struct mail huge = { .weight = SIZE_MAX };

    mailbox_init(&mb, 10);
    cr_assert(mailbox_post_wait(&mb, &huge));
    cr_assert_eq(mailbox_take_all(&mb, -1), &huge);
    mailbox_destroy(&mb);
}

Test(mailbox, close_wakes_a_waiting_sender)
{
    struct mailbox mb;
    struct mail first = { .weight = 10 };
    struct waiter w = { .mb = &mb, .mail = { .weight = 1 } };
    pthread_t thread;

    mailbox_init(&mb, 10);
    cr_assert(mailbox_post_wait(&mb, &first));
    pthread_create(&thread, NULL, post_one, &w);
    sleep_ms(20);
    mailbox_close(&mb);
    pthread_join(thread, NULL);
    cr_assert_not(w.posted);
    mailbox_destroy(&mb);
}

static void *take_for_ever(void *arg)
{
    return mailbox_take_all(arg, -1);
}

Test(mailbox, close_and_post_wake_the_reader)
{
    struct mailbox mb;
    struct mail m = { 0 };
    pthread_t thread;
    void *got;

    mailbox_init(&mb, 10);
    pthread_create(&thread, NULL, take_for_ever, &mb);
    sleep_ms(20);
    mailbox_post(&mb, &m);
    pthread_join(thread, &got);
    cr_assert_eq(got, &m);
    pthread_create(&thread, NULL, take_for_ever, &mb);
    sleep_ms(20);
    mailbox_close(&mb);
    pthread_join(thread, &got);
    cr_assert_null(got);
    mailbox_destroy(&mb);
}

struct sender {
    struct mailbox *mb;
    int id;
};

static void *send_many(void *arg)
{
    struct sender *s = arg;

    for (int i = 0; i < EACH; i++) {
        struct letter *l = letter_new(s->id, i, (size_t)(i % 7));

        if (!(i % 3 ? mailbox_post_wait(s->mb, &l->mail) : mailbox_post(s->mb, &l->mail))) {
            free(l);
            break;
        }
    }
    return NULL;
}

/* Takes until `total` mails came; checks that each sender's are in order. */
static void receive_many(struct mailbox *mb, size_t total)
{
    int next[SENDERS] = { 0 };

    while (total > 0) {
        struct mail *all = mailbox_take_all(mb, clock_mono_ms() + 20000);

        cr_assert_not_null(all);
        for (struct mail *m = all; m; m = m->next) {
            struct letter *l = (struct letter *)m;

            cr_assert_eq(l->number, next[l->sender]++);
        }
        total -= count_and_free(all);
    }
}

Test(mailbox, many_senders_lose_nothing)
{
    struct mailbox mb;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    mailbox_init(&mb, 20);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ &mb, i };
        pthread_create(&threads[i], NULL, send_many, &senders[i]);
    }
    receive_many(&mb, (size_t)SENDERS * EACH);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_null(mailbox_take_all(&mb, 0));
    mailbox_destroy(&mb);
}

Test(mailbox, close_amid_traffic)
{
    struct mailbox mb;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    mailbox_init(&mb, 20);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ &mb, i };
        pthread_create(&threads[i], NULL, send_many, &senders[i]);
    }
    count_and_free(mailbox_take_all(&mb, -1));
    mailbox_close(&mb);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    count_and_free(mailbox_take_all(&mb, -1));
    cr_assert_null(mailbox_take_all(&mb, -1));
    mailbox_destroy(&mb);
}
