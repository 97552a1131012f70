#ifndef GRANITE_GK_TOP_K_H
#define GRANITE_GK_TOP_K_H

#include "granite/gk_types.h"

/**
 * Routing of a mixture of experts: the k largest logits of each row, and the softmax over those k alone.
 *
 *   ids[r, 0..k)      the columns of the k largest logits, largest first; of equal logits the lower column first
 *   weights[r, i]     exp(logits[r, ids[r,i]] - max) / sum over the k
 *
 * logits     [rows, experts] f32
 * ids        [rows, k] i32, contiguous;   weights [rows, k] f32, contiguous
 * edges      1 <= k <= experts, else GK_EINVAL. NaN counts as smaller than every number, so that ids are always k
 *            different columns in range; a row with a NaN or an infinity among the chosen has NaN weights
 * precision  |error| <= 8 * eps_f32 * weights
 * returns    GK_OK or GK_EINVAL
 * source     Shazeer et al. 2017, section 2.1, as in Hugging Face transformers' GraniteMoeTopKGating
 */
GK_API int32_t gk_top_k_softmax_f32(const float *logits, int64_t logits_stride, int64_t rows,
                                    int64_t experts, int64_t k, int32_t *ids, float *weights);

#endif
