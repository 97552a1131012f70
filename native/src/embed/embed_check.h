#ifndef GK_EMBED_CHECK_H
#define GK_EMBED_CHECK_H

#include <assert.h>
#include <stdint.h>

#include "granite/gk_types.h"

/* All arguments are looked at before the first row is written. */
static inline int32_t embed_check(int32_t dtype, int64_t vocab, const int32_t *ids, int64_t rows) {
  assert(rows >= 0);
  if (dtype != GK_F32 && dtype != GK_F16 && dtype != GK_BF16) return GK_EINVAL;
  for (int64_t r = 0; r < rows; r++) {
    if (ids[r] < 0 || ids[r] >= vocab) return GK_EINDEX;
  }
  return GK_OK;
}

#endif
