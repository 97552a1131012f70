/**
 * Views of numbers in memory.
 *
 * <p>{@link org.graniteffm.runtime.tensor.Tensor} is a segment with element type, shape and
 * strides; {@link org.graniteffm.runtime.tensor.DType} lists the element types.
 *
 * <p><b>Ownership.</b> A tensor owns nothing. Its memory belongs to an arena: a checkpoint's for
 * weights, a session's for scratch and cache. Slices share the memory of what they were cut from.
 *
 * <p><b>Threads.</b> The view is immutable; the memory behind it follows the rules of its arena.
 *
 * <pre>{@code
 * try (Arena arena = Arena.ofConfined()) {
 *   Tensor x = Tensor.ofFloats(arena, new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
 *   Tensor row = x.get(1);              // F32 [3]
 *   Tensor right = x.slice(1, 1, 3);    // F32 [2, 2], row stride 3
 *   float five = row.getFloat(1);
 * }
 * }</pre>
 *
 * <p>Not here: arithmetic, and anything that knows what a tensor is for.
 */
package org.graniteffm.runtime.tensor;
