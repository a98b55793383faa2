/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a representation (RFC 9110 §12).
 *
 * Accept-Encoding decides among the forms that there are. But a client that names a validator names
 * the representation that it holds: as long as that one is acceptable to it, it is the one that is
 * asked about, so that a copy from before there was a form is confirmed by a 304 instead of being
 * sent again, and a download of a form goes on with that form. A Range without a validator is of
 * the object's own bytes, whatever Accept-Encoding says: clients send both without thinking of
 * pieces of a compressed stream.
 *
 * Weights have no forms, and no Vary: only types that shrink, and nothing that a manifest names.
 *
 * HTTP threads. It never waits for a form to be made. */
#include "form_choice.h"

#include "mime.h"

#include <modelhost/form.h>

#include <string.h>

_Static_assert((int) ACCEPT_BR == (int) MH_ENCODING_BR &&
                   (int) ACCEPT_ZSTD == (int) MH_ENCODING_ZSTD &&
                   (int) ACCEPT_GZIP == (int) MH_ENCODING_GZIP &&
                   (int) ACCEPT_IDENTITY == MH_ENCODING_COUNT,
               "one order of encodings");

/* What there is, by encoding; identity's is the object itself. */
struct offers {
    const char *accept_encoding;
    unsigned available; /* ACCEPT_HAS() of the forms */
    const char *etags[ACCEPT_ENCODING_COUNT];
    struct mh_form forms[MH_ENCODING_COUNT];
};

/* Is a representation named by one of the request's validators? ETags are quoted digests, so that
 * no other text can hold one. */
static bool
is_named(struct request *rq, const char *etag)
{
    static const char *const fields[] = {"If-None-Match", "If-Match", "If-Range"};

    for (size_t i = 0; etag != NULL && etag[0] != '\0' && i < COUNT_OF(fields); i++) {
        const char *value = request_field(rq, fields[i]);

        if (value != NULL && strstr(value, etag) != NULL)
            return true;
    }
    return false;
}

static bool
is_acceptable(const struct offers *offers, enum accept_encoding encoding)
{
    return encoding == ACCEPT_IDENTITY ||
           accept_encoding_choose(offers->accept_encoding, ACCEPT_HAS(encoding)) == encoding;
}

/* The one that the client holds, ACCEPT_ENCODING_COUNT: none. What it would get anyway is looked at
 * first. */
static enum accept_encoding
find_named(struct request *rq, const struct offers *offers, enum accept_encoding first)
{
    if (is_named(rq, offers->etags[first]))
        return first;
    for (enum accept_encoding i = 0; i < ACCEPT_ENCODING_COUNT; i++) {
        if (is_named(rq, offers->etags[i]) && is_acceptable(offers, i))
            return i;
    }
    return ACCEPT_ENCODING_COUNT;
}

/* Whether it was the client's validator that decided is noted in *ret_is_named. */
static enum accept_encoding
choose(struct request *rq, const struct offers *offers, bool *ret_is_named)
{
    const char *accepted = offers->accept_encoding;
    const enum accept_encoding best = accept_encoding_choose(accepted, offers->available);
    const enum accept_encoding named = find_named(rq, offers, best);
    enum accept_encoding wanted;

    if (named < ACCEPT_ENCODING_COUNT) {
        *ret_is_named = named != best;
        return named;
    }
    if (request_field(rq, "Range") != NULL)
        return ACCEPT_IDENTITY;
    wanted = accept_encoding_choose(accepted, mh_encodings());
    if (wanted != ACCEPT_IDENTITY && wanted != best)
        mh_view_want_form(rq->view, (enum mh_encoding) wanted);
    return best;
}

static void
find_offers(struct request *rq, const struct mh_head *head, struct offers *ret)
{
    const size_t n = mh_view_forms(rq->view, ret->forms);

    ret->accept_encoding = request_field(rq, "Accept-Encoding");
    ret->etags[ACCEPT_IDENTITY] = head->etag;
    for (size_t i = 0; i < n; i++) {
        ret->available |= ACCEPT_HAS(ret->forms[i].encoding);
        ret->etags[ret->forms[i].encoding] = ret->forms[i].etag;
    }
}

static const struct mh_form *
form_of(const struct offers *offers, enum accept_encoding encoding)
{
    for (size_t i = 0; i < MH_ENCODING_COUNT; i++) {
        if (offers->etags[encoding] == offers->forms[i].etag)
            return &offers->forms[i];
    }
    return NULL;
}

void
form_choose(struct request *rq, const struct mh_head *head, const char *type,
            struct form_choice *ret)
{
    struct offers offers = {.available = 0};
    const struct mh_form *form;
    enum accept_encoding encoding;
    struct mh_fault fault;

    *ret = (struct form_choice){.encoding = ACCEPT_IDENTITY, .bytes = head->bytes, .fd = -1};
    memcpy(ret->etag, head->etag, sizeof(ret->etag));
    ret->varies = mime_shrinks(type) && !mh_view_is_shard(rq->view);
    if (!ret->varies || head->is_arriving)
        return;
    find_offers(rq, head, &offers);
    encoding = choose(rq, &offers, &ret->is_named);
    form = encoding != ACCEPT_IDENTITY ? form_of(&offers, encoding) : NULL;
    /* One that has just gone is no reason to fail: the object itself is there. */
    if (form == NULL || mh_view_open_form(rq->view, form, &ret->fd, &fault) != MH_OK)
        return;
    ret->encoding = encoding;
    ret->bytes = form->bytes;
    memcpy(ret->etag, form->etag, sizeof(ret->etag));
}
