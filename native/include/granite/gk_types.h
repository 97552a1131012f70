#ifndef GRANITE_GK_TYPES_H
#define GRANITE_GK_TYPES_H

#include <stdint.h>

/**
 * What every kernel of this library keeps to, unless its own header says otherwise:
 *
 * strides    in ELEMENTS of the operand's own type, from one row to the next; stride >= columns
 * alignment  none: weights and the cache may start at any byte, f32 operands at any multiple of 4 bytes
 * bounds     no byte outside the operands is read or written, whatever the tail length
 * aliasing   no overlap between an output and any other operand
 * state      none but the function table chosen by gk_set_max_isa; no allocation, no threads, no I/O:
 *            the caller splits the rows, heads or experts over threads
 * sizes      a size of 0 does nothing; negative sizes are the caller's error (asserted in debug builds)
 */

#if defined(_WIN32)
#define GK_API __declspec(dllexport)
#elif defined(__GNUC__)
#define GK_API __attribute__((visibility("default")))
#else
#define GK_API /* a compiler that is told nothing hides nothing */
#endif

/** Changes whenever a signature or a contract changes; the loader refuses a library of another version. */
#define GK_ABI_VERSION 5

/** Element types of weights and of the cache, as Hugging Face safetensors name them. All little-endian. */
enum gk_dtype {
  GK_F32 = 0,  /* IEEE 754 binary32 */
  GK_F16 = 1,  /* IEEE 754 binary16 */
  GK_BF16 = 2, /* the upper half of a binary32 */
};

/** What a kernel that can fail returns. On failure no output is written. */
enum gk_status {
  GK_OK = 0,
  GK_EINVAL = -1, /* an argument is not one of the values its contract lists */
  GK_EINDEX = -2, /* an index in an operand is out of range */
};

#endif
