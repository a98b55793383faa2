/* SPDX-License-Identifier: Apache-2.0 */
/* QR codes, for a phone that is to open what stands in a terminal.
 *
 * libqrencode makes the code; here two of its rows become one of text, since a character is about
 * twice as high as it is wide. Colours are said in full, black on white: a code in a terminal's own
 * colours is inverted in every second one, and not all cameras read that. The rim of four light
 * modules belongs to the code.
 *
 * Pure; any thread. */
#include "qr.h"

#include <qrencode.h>

#define RIM 4
/* Of the 256 colours those two that no theme changes. */
#define BLACK_ON_WHITE "\033[38;5;16;48;5;231m"
#define AS_BEFORE      "\033[0m"

/* Modules outside of the code are its rim, and light. */
static bool
is_dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return false;
    return (code->data[y * code->width + x] & 1) != 0;
}

static void
write_code(const QRcode *code, struct buf *out)
{
    static const char *const blocks[] = {" ", "\u2580", "\u2584", "\u2588"};

    for (int y = -RIM; y < code->width + RIM; y += 2) {
        buf_add_str(out, BLACK_ON_WHITE);
        for (int x = -RIM; x < code->width + RIM; x++)
            buf_add_str(out,
                        blocks[(is_dark(code, x, y) ? 1 : 0) | (is_dark(code, x, y + 1) ? 2 : 0)]);
        buf_add_str(out, AS_BEFORE "\n");
    }
}

bool
qr_write(const char *text, unsigned columns, struct buf *out)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    bool fits;

    if (code == NULL)
        return false;
    fits = columns == 0 || (unsigned) code->width + 2 * RIM <= columns;
    if (fits)
        write_code(code, out);
    QRcode_free(code);
    return fits;
}
