#ifndef GK_KERNELS_H
#define GK_KERNELS_H

/* Internal: the per-tier kernels (<name>_<tier>) and the table that points at them. */

#include "granite/granite_kernels.h"

/* Every kernel has a scalar version; a wider tier declares here what it overrides, and defines it in its own files. */
#define GK_KERNEL(result, name, parameters, arguments) \
  result name##_scalar parameters;                     \
  result name##_avx2 parameters;                       \
  result name##_avx512 parameters;                     \
  result name##_amx parameters;
#include "kernels.def"
#undef GK_KERNEL

typedef struct gk_table {
  const char *isa;
#define GK_KERNEL(result, name, parameters, arguments) result(*name) parameters;
#include "kernels.def"
#undef GK_KERNEL
} gk_table;

/* The table of a tier, or NULL when this build or this CPU lacks it. The C tests walk all tiers with it. */
const gk_table *gk_table_for(const char *isa);

/* Names of all tiers, lowest first, NULL at the end, whether this CPU has them or not. */
extern const char *const gk_tiers[];

#endif
