/**
 * The operations of a forward pass, cut into slices for one pool of threads.
 *
 * <p>Start with {@link org.graniteffm.runtime.ops.Workers}, the pool, which those who embed the
 * library may size. {@link org.graniteffm.runtime.ops.Ops} and {@link
 * org.graniteffm.runtime.ops.Experts} hold what a session needs to call the kernels without
 * allocating; they know shapes, but nothing of layers or models.
 */
package org.graniteffm.runtime.ops;
