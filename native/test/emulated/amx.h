#ifndef GK_EMULATED_AMX_H
#define GK_EMULATED_AMX_H

/*
 * The tile unit, AMX-TILE and AMX-BF16, as functions: see amx.c. The preset `emulated` includes this
 * file before each source of the amx tier.
 *
 * What the unit answers with a fault ends the process with a message, and so do the last two, which
 * it lets pass and no kernel should do:
 *
 *   a configuration that is not well-formed
 *   any use of a tile that is not configured, or after _tile_release
 *   a product of tiles that do not fit, or are not three
 *   a configuration before the one there was has been released
 *   the end of the process with tiles configured
 */

#include "avx512.h"

void emulated_tile_loadconfig(const void *config);
void emulated_tile_release(void);
void emulated_tile_zero(int tile);
void emulated_tile_loadd(int tile, const void *base, ptrdiff_t stride);
void emulated_tile_stored(int tile, void *base, ptrdiff_t stride);
void emulated_tile_dpbf16ps(int sum, int a, int b);

#undef _tile_zero
#undef _tile_loadd
#undef _tile_stream_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(config) emulated_tile_loadconfig(config)
#define _tile_release() emulated_tile_release()
#define _tile_zero(tile) emulated_tile_zero(tile)
#define _tile_loadd(tile, base, stride) emulated_tile_loadd(tile, base, stride)
#define _tile_stream_loadd(tile, base, stride) emulated_tile_loadd(tile, base, stride)
#define _tile_stored(tile, base, stride) emulated_tile_stored(tile, base, stride)
#define _tile_dpbf16ps(sum, a, b) emulated_tile_dpbf16ps(sum, a, b)

#endif
