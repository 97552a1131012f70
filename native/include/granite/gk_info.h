#ifndef GRANITE_GK_INFO_H
#define GRANITE_GK_INFO_H

#include "granite/gk_types.h"

/** The GK_ABI_VERSION this library was built with. */
GK_API int32_t gk_abi_version(void);

/**
 * Chooses the kernels: the best tier that both this CPU and this build have, no higher than `name`.
 *
 * name    "scalar", "avx2", "avx512" or "amx"; NULL means no cap
 * returns GK_OK, or GK_EINVAL for any other name: then nothing changes. An unknown name must never pass
 *         silently, or a misspelt test job tests the wrong tier and stays green.
 * threads call it before any kernel runs. Until it is called the scalar tier is active.
 */
GK_API int32_t gk_set_max_isa(const char *name);

/** The tier in use: "scalar", "avx2", "avx512" or "amx". A static string. */
GK_API const char *gk_active_isa(void);

/** The best tier that this CPU and this build have, whatever the cap. A static string. */
GK_API const char *gk_best_isa(void);

/**
 * Whether the tile unit can be used: "usable", or why not: "not in this CPU", or "switched off" or "refused by the
 * operating system" (Linux gives a process leave since 5.16). Asking for leave is part of the look, once. A static
 * string.
 */
GK_API const char *gk_amx_status(void);

#endif
