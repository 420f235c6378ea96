/*
 * Runs calls of operators with compiled loops and span functions alone, as fusedstep/operators does it on one thread.
 *
 * Reads calls from standard input, writes the states of each to standard output. rules.h, which a test writes, says
 * where fields of a block lie, and holds the table of rules.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rules.h"

enum loop { DENSE, TOUCHED, EVERY };
enum { GUARD = 64 };

/* What says everything about a call; its block, states, gradient and indices follow. */
struct call { int64_t rule, loop, rows, steps, parts, indices, items, gradient_bytes, sum_bytes; };

static void failed(int status, const char *why) { fprintf(stderr, "%s\n", why); exit(status); }

/* Memory with what no call may read or change behind it. */
static void *room(int64_t bytes) {
    char *memory = malloc(bytes + GUARD);
    memset(memory, 0xff, bytes + GUARD);
    return memory;
}

static void *taken(int64_t bytes) {
    char *memory = room(bytes);
    if (fread(memory, 1, bytes, stdin) != (size_t)bytes) failed(3, "a call ends early");
    return memory;
}

static void done(void *memory, int64_t bytes) {
    for (int k = 0; k < GUARD; k++)
        if (((unsigned char *)memory)[bytes + k] != 0xff) failed(4, "written behind memory");
    free(memory);
}

struct groups { int64_t *unique_rows, distinct, summed, sorted; int32_t *found; };

static struct groups grouped(const int64_t *indices, int64_t count, int64_t rows) {
    struct groups groups = {room(8 * count), 0, 0, 0, room(5 * 4 * count)};
    int64_t bits = 4;
    while ((int64_t)1 << bits < COUNTING_ROWS * count) bits++;
    int32_t *table = room((int64_t)4 << bits);
    groups.distinct = group_rows((int64_t)indices, count, rows, (int64_t)table, (int64_t)groups.found,
                                 (int64_t)groups.unique_rows, (int64_t)&groups.summed);
    done(table, (int64_t)4 << bits);
    if (groups.distinct < 0) failed(5, "an index is no row");
    return groups;
}

/* The sums that lie in some slots. */
static void add_up(const struct rule *rule, const int64_t *call, int64_t count, int64_t first, int64_t last) {
    int64_t block[STATES], *positions = room(4 * count);
    memcpy(block, call, sizeof block);
    block[LOAD_SUM] = (int64_t)rule->load, block[ADD_TO_SUM] = (int64_t)rule->add;
    block[COUNT] = count, block[INVERSE_AT] = call[FIRST_AT] - 4 * count * (FIRST - INVERSE);
    block[POSITIONS] = (int64_t)positions, block[FIRST_SLOT] = first, block[LAST_SLOT] = last;
    if (first < last) segment_sum((int64_t)block);
    done(positions, 4 * count);
}

static void step_named_rows(const struct rule *rule, const struct call *call, int64_t *block, const int64_t *indices) {
    int64_t count = call->indices, parts = call->parts;
    struct groups groups = grouped(indices, count, call->rows);
    int64_t sums_size = groups.summed * call->sum_bytes, distinct = groups.distinct;
    char *sums = room(sums_size);
    int64_t found = (int64_t)groups.found, *order = room(8 * distinct), *spare = room(8 * distinct);
    int64_t *ends = room(8 * (DIGITS + 1));
    int32_t *cuts = room(8 * (parts + 1));
    block[STEP_SUMMED] = (int64_t)rule->summed, block[STEP_ZERO] = (int64_t)rule->zero;
    block[FIRST_AT] = found + 4 * count * FIRST, block[SLOTS_AT] = found + 4 * count * SLOTS;
    block[ORDER_AT] = found + 4 * count * ORDER, block[UNIQUE_ROWS] = (int64_t)groups.unique_rows;
    block[SUMS] = (int64_t)sums, block[SUMS_ROW] = call->sum_bytes;
    if (call->loop == TOUCHED) {
        cut_into_parts(found, count, distinct, 12, parts, (int64_t)cuts);
        for (int64_t part = 0; part < parts; part++) {
            add_up(rule, block, count, cuts[2 * part + 1], cuts[2 * part + 3]);
            block[START] = cuts[2 * part], block[STOP] = cuts[2 * part + 2];
            touched_rows((int64_t)block);
        }
    } else {
        add_up(rule, block, count, 0, groups.summed);
        if (groups.sorted)
            for (int64_t k = 0; k < distinct; k++) order[k] = k;
        else
            sort_rows((int64_t)groups.unique_rows, distinct, call->rows, (int64_t)order, (int64_t)spare, (int64_t)ends);
        block[ASCENDING] = (int64_t)order, block[FIRST_UNIQUE] = 0, block[LAST_UNIQUE] = distinct;
        every_row((int64_t)block);
    }
    done(cuts, 8 * (parts + 1)), done(ends, 8 * (DIGITS + 1)), done(spare, 8 * distinct), done(order, 8 * distinct);
    done(sums, sums_size), done(groups.found, 20 * count), done(groups.unique_rows, 8 * count);
}

static void step(const struct rule *rule, const struct call *call, int64_t *block, const int64_t *indices) {
    if (rule->prepare(block)) failed(6, "arrays are said to overlap");
    block[START] = 0, block[STOP] = call->rows, block[STEP_STORED] = (int64_t)rule->stored;
    if (call->loop != DENSE)
        step_named_rows(rule, call, block, indices);
    else if (block[UNBROKEN])
        rule->stored(block, 0, call->rows * block[WIDTH], (void *)block[GRADIENT]);
    else
        dense_rows((int64_t)block);
}

int main(void) {
    struct call call;
    while (fread(&call, sizeof call, 1, stdin) == 1) {
        const struct rule *rule = &rules[call.rule];
        int64_t *block = taken(8 * call.items);
        for (int k = 0; k < block[STATE_COUNT]; k++) {
            int64_t *record = block + STATES + RECORD * k;
            record[ADDRESS] = (int64_t)taken(record[BYTES]);
        }
        void *gradient = taken(call.gradient_bytes);
        int64_t *indices = taken(8 * call.indices);
        block[GRADIENT] = (int64_t)gradient;
        for (int64_t k = 0; k < call.steps; k++) step(rule, &call, block, indices);
        for (int k = 0; k < block[STATE_COUNT]; k++) {
            int64_t *record = block + STATES + RECORD * k;
            fwrite((void *)record[ADDRESS], 1, record[BYTES], stdout);
            done((void *)record[ADDRESS], record[BYTES]);
        }
        done(indices, 8 * call.indices), done(gradient, call.gradient_bytes), done(block, 8 * call.items);
    }
    return 0;
}
