#ifndef GRANITE_GK_EMBED_H
#define GRANITE_GK_EMBED_H

#include "granite/gk_types.h"

/**
 * Embedding lookup:  out[r,c] = multiplier * table[ids[r], c]
 *
 * table      [vocab, cols] of `dtype`, a value of gk_dtype, at any byte offset
 * ids        [rows] i32, contiguous
 * out        [rows, cols] f32
 * precision  one product in f32
 * returns    GK_OK; GK_EINVAL for another dtype; GK_EINDEX if an id is not in [0, vocab)
 */
GK_API int32_t gk_embed(const void *table, int32_t dtype, int64_t table_stride, int64_t vocab,
                        const int32_t *ids, int64_t rows, int64_t cols, float multiplier,
                        float *out, int64_t out_stride);

#endif
