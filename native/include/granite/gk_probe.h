#ifndef GRANITE_GK_PROBE_H
#define GRANITE_GK_PROBE_H

#include "granite/gk_types.h"

/**
 * Reads every byte once, as fast as loads go, to measure a machine's read bandwidth with the kernels' own loads.
 *
 * data       `bytes` bytes at any offset
 * returns    the exclusive or of all 8-byte words (a last partial word is padded with zeros), so that no load is
 *            superfluous and tiers can be compared
 */
GK_API uint64_t gk_probe_read(const void *data, int64_t bytes);

/**
 * Multiply-adds on registers alone, to measure the peak of the active tier's f32 unit.
 *
 * iterations how often to go round
 * sink       receives one value that depends on all of them
 * returns    the floating-point operations done (a multiply-add counts two), a fixed multiple of `iterations`
 */
GK_API int64_t gk_probe_fma_f32(int64_t iterations, float *sink);

/**
 * As gk_probe_fma_f32, for the unit that multiplies bfloat16 matrices, and on random numbers: what it multiplies
 * decides what power it takes, and so the clock.
 *
 * returns    0 where the active tier has none
 */
GK_API int64_t gk_probe_bf16(int64_t iterations, float *sink);

#endif
