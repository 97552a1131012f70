#ifndef GRANITE_KERNELS_H
#define GRANITE_KERNELS_H

/* All contracts of libgranite_kernels; jextract reads this file. */

#include "granite/gk_act_mul.h"
#include "granite/gk_add_scaled.h"
#include "granite/gk_attention.h"
#include "granite/gk_embed.h"
#include "granite/gk_gemm.h"
#include "granite/gk_gemv.h"
#include "granite/gk_info.h"
#include "granite/gk_narrow.h"
#include "granite/gk_probe.h"
#include "granite/gk_rms_norm.h"
#include "granite/gk_rope.h"
#include "granite/gk_silu_mul.h"
#include "granite/gk_top_k.h"
#include "granite/gk_widen.h"

#endif
