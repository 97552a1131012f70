#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "kernels.h"

/* A NaN is below every number and level with itself. */
static bool is_above(float a, float b) { return a > b || (isnan(b) && !isnan(a)); }

/* Keeps the best k columns so far in order; a later column moves up past lesser ones alone. */
static void choose(const float *logits, int64_t experts, int64_t k, int32_t *ids) {
  for (int64_t e = 0; e < experts; e++) {
    int64_t at = e < k ? e : k;
    for (; at > 0 && is_above(logits[e], logits[ids[at - 1]]); at--) {
      if (at < k) ids[at] = ids[at - 1];
    }
    if (at < k) ids[at] = (int32_t)e;
  }
}

/* In f64, since f32 would round a difference of logits by more than exp forgives. */
static void softmax(const float *logits, int64_t k, const int32_t *ids, float *weights) {
  const double max = (double)logits[ids[0]];
  double sum = 0;
  for (int64_t i = 0; i < k; i++) {
    const double logit = (double)logits[ids[i]];
    sum += exp(logit - max) + (logit - logit); /* NaN unless the logit is finite */
  }
  for (int64_t i = 0; i < k; i++) weights[i] = (float)(exp((double)logits[ids[i]] - max) / sum);
}

int32_t top_k_softmax_f32_scalar(const float *logits, int64_t logits_stride, int64_t rows,
                                 int64_t experts, int64_t k, int32_t *ids, float *weights) {
  assert(rows >= 0 && experts <= INT32_MAX);
  if (k < 1 || k > experts) return GK_EINVAL;
  for (int64_t r = 0; r < rows; r++) {
    const float *logits_r = logits + r * logits_stride;
    choose(logits_r, experts, k, ids + r * k);
    softmax(logits_r, k, ids + r * k, weights + r * k);
  }
  return GK_OK;
}
