/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of a JSON number, and whether a double can hold it.
 *
 * A number can be longer than any buffer and come in pieces, so it is never kept whole: what
 * decides is the place of its first significant digit and, where that is the place of the largest
 * double's, the digits after it. Numbers too small for a double are zero and are fine.
 *
 * Pure; any thread. */
#include "json_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A double's largest value has its first digit here: 1.79...e308 = 0.179...e309. */
#define MAX_POINT 309
/* Beyond any double, however many digits stand in front of the exponent. */
#define EXPONENT_CEILING INT64_C(1000000000000000)

enum {
    AT_SIGN,
    AFTER_MINUS,
    AFTER_ZERO,
    IN_WHOLE,
    AFTER_POINT,
    IN_FRACTION,
    AFTER_E,
    AFTER_E_SIGN,
    IN_EXPONENT,
    LEADING_ZERO, /* a digit came after a zero */
    STATES
};

enum { MINUS, PLUS, ZERO, DIGIT, POINT, E, BYTE_CLASSES, NONE = BYTE_CLASSES };

/* What follows; 0 (AT_SIGN, which nothing leads back to): the byte does not continue the number. */
static const unsigned char next_states[STATES][BYTE_CLASSES] = {
    [AT_SIGN] = {[MINUS] = AFTER_MINUS, [ZERO] = AFTER_ZERO, [DIGIT] = IN_WHOLE},
    [AFTER_MINUS] = {[ZERO] = AFTER_ZERO, [DIGIT] = IN_WHOLE},
    [AFTER_ZERO] =
        {[ZERO] = LEADING_ZERO, [DIGIT] = LEADING_ZERO, [POINT] = AFTER_POINT, [E] = AFTER_E},
    [IN_WHOLE] = {[ZERO] = IN_WHOLE, [DIGIT] = IN_WHOLE, [POINT] = AFTER_POINT, [E] = AFTER_E},
    [AFTER_POINT] = {[ZERO] = IN_FRACTION, [DIGIT] = IN_FRACTION},
    [IN_FRACTION] = {[ZERO] = IN_FRACTION, [DIGIT] = IN_FRACTION, [E] = AFTER_E},
    [AFTER_E] = {[MINUS] = AFTER_E_SIGN,
                 [PLUS] = AFTER_E_SIGN,
                 [ZERO] = IN_EXPONENT,
                 [DIGIT] = IN_EXPONENT},
    [AFTER_E_SIGN] = {[ZERO] = IN_EXPONENT, [DIGIT] = IN_EXPONENT},
    [IN_EXPONENT] = {[ZERO] = IN_EXPONENT, [DIGIT] = IN_EXPONENT},
};

static unsigned
class_of(uint8_t byte)
{
    switch (byte) {
    case '-':
        return MINUS;
    case '+':
        return PLUS;
    case '0':
        return ZERO;
    case '.':
        return POINT;
    case 'e':
    case 'E':
        return E;
    default:
        return byte >= '1' && byte <= '9' ? DIGIT : NONE;
    }
}

void
json_number_begin(struct json_number *number)
{
    number->state = AT_SIGN;
    number->exponent_is_negative = false;
    number->kept = 0;
    number->point = 0;
    number->exponent = 0;
}

/* A digit before the exponent. */
static void
take_digit(struct json_number *number, uint8_t byte)
{
    bool is_whole = number->state == IN_WHOLE;

    if (byte == '0' && number->kept == 0) {
        number->point -= number->state == IN_FRACTION;
        return;
    }
    number->point += is_whole;
    if (number->kept < JSON_NUMBER_DIGITS)
        number->digits[number->kept++] = (char) byte;
}

bool
json_number_take(struct json_number *number, uint8_t byte)
{
    unsigned class = class_of(byte);

    if (class == NONE || next_states[number->state][class] == 0)
        return false;
    if (number->state == AFTER_E && class == MINUS)
        number->exponent_is_negative = true;
    number->state = next_states[number->state][class];
    if (number->state == IN_WHOLE || number->state == IN_FRACTION)
        take_digit(number, byte);
    else if (number->state == IN_EXPONENT && number->exponent < EXPONENT_CEILING)
        number->exponent = number->exponent * 10 + (byte - '0');
    return true;
}

/* With the first digit where the largest double's is, the digits decide. strtod rounds as it would
 * round the whole number, unless that agrees with the border to 40 digits. */
static bool
digits_overflow(const struct json_number *number)
{
    char text[JSON_NUMBER_DIGITS + 16];
    int n = snprintf(text, sizeof(text), "%.*se%d", number->kept, number->digits,
                     MAX_POINT - number->kept);

    return n < 0 || (size_t) n >= sizeof(text) || isinf(strtod(text, NULL));
}

const char *
json_number_problem(const struct json_number *number)
{
    int64_t point =
        number->point + (number->exponent_is_negative ? -number->exponent : number->exponent);

    switch (number->state) {
    case AFTER_ZERO:
    case IN_WHOLE:
    case IN_FRACTION:
    case IN_EXPONENT:
        break;
    case LEADING_ZERO:
        return "a number with a leading zero";
    default:
        return "a number that lacks a digit";
    }
    if (number->kept > 0 && (point > MAX_POINT || (point == MAX_POINT && digits_overflow(number))))
        return "a number that is too large for a double";
    return NULL;
}
