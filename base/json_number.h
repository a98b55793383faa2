/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of a JSON number (RFC 8259 §6), byte by byte, and whether a double can hold it. */
#ifndef BASE_JSON_NUMBER_H
#define BASE_JSON_NUMBER_H

#include "attrs.h"

#include <stdbool.h>
#include <stdint.h>

/* Enough to tell the largest double from what lies beyond it. */
#define JSON_NUMBER_DIGITS 40

struct json_number {
    unsigned char state;
    bool exponent_is_negative;
    unsigned char kept;              /* of digits */
    char digits[JSON_NUMBER_DIGITS]; /* the first significant ones */
    int64_t point;                   /* the value is 0.DIGITS * 10^(point + exponent) */
    int64_t exponent;                /* without its sign; stops counting far beyond any double */
};

void json_number_begin(struct json_number *number);
/* Take a byte. false: it does not continue the number, which then has ended, well or badly. */
bool json_number_take(struct json_number *number, uint8_t byte);
/* After the last byte: what is wrong with the number, or NULL. */
const char *json_number_problem(const struct json_number *number);

#endif
