/**
 * Checked access to native code.
 *
 * <p>Start with {@link org.graniteffm.bindings.Kernels} (normalisation, matrix times vector,
 * attention, …) and {@link org.graniteffm.bindings.Blas} (matrix times matrix). {@link
 * org.graniteffm.bindings.NativeLibraries} loads what they need when they are first used, chooses
 * the instruction set tier, and tells where the libraries came from.
 *
 * <pre>{@code
 * try (Arena arena = Arena.ofConfined()) {
 *   MemorySegment x = arena.allocate(ValueLayout.JAVA_FLOAT, rows * cols);
 *   MemorySegment weight = arena.allocate(ValueLayout.JAVA_FLOAT, cols);
 *   // … fill both …
 *   Kernels.rmsNorm(x, 0, cols, weight, 0, 1e-5f, rows, cols, x, 0, cols); // in place
 * }
 * }</pre>
 *
 * <p><b>Operands.</b> Each operand is a segment and an offset in <em>bytes</em> to its first
 * element. The offset is a parameter because a slice that a caller makes is an object for each
 * call, while the slice made here is not. Strides and sizes count <em>elements</em>. The caller
 * owns all memory: nothing is kept, nothing is allocated, and what a method may write is named
 * {@code out}, or said to be updated.
 *
 * <p><b>Checks.</b> Before every call: each segment is native, alive and usable by this thread;
 * sizes are in range; strides are no smaller than rows; the operand lies inside its segment; {@code
 * float} operands are aligned to 4 bytes; outputs are writable and overlap no other operand, unless
 * the method says so. The checks take constant time and cannot be turned off. Memory that native
 * code should see as immutable must not be written by another thread meanwhile: that, and a mapped
 * file that is cut short, are beyond what can be checked.
 *
 * <p><b>Exceptions.</b> Everything that a caller can do wrong is
 *
 * <ul>
 *   <li>{@link java.lang.IllegalArgumentException}: a size or a value out of range, a stride
 *       smaller than a row, a segment on the heap, read-only or misaligned, or operands that
 *       overlap;
 *   <li>{@link java.lang.IndexOutOfBoundsException}: an operand that does not fit into its segment
 *       at its offset, or an index in an operand that is out of range;
 *   <li>{@link org.graniteffm.bindings.UnusableSegmentException}, an {@code IllegalStateException}:
 *       a segment that is closed or confined to another thread;
 *   <li>{@link java.lang.NullPointerException}: a segment that is null, unless it is said to be
 *       optional;
 *   <li>{@link org.graniteffm.bindings.NativeLibraryException} and {@link
 *       org.graniteffm.bindings.UnsupportedIsaException}: the native library cannot be used.
 * </ul>
 *
 * The first four are thrown before anything is written.
 *
 * <p><b>Threads.</b> Methods run on the calling thread, keep no state and may run at once on many
 * threads, each with its own outputs. Nothing here starts threads.
 *
 * <p>What does not belong here: shapes and models, thread pools, files. Nor does anything in here
 * hand out addresses or segments without bounds.
 */
package org.graniteffm.bindings;
