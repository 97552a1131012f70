/**
 * Granite models on the CPU: reads checkpoints and generates text, without Python.
 *
 * <p>Layers point one way: generation, then the model, then operations on tensors, then the
 * bindings of the native kernels. Beside them stand the readers of what a checkpoint folder holds:
 * {@link org.graniteffm.runtime.safetensors} for weights, {@code org.graniteffm.runtime.json} for
 * everything in JSON.
 *
 * <p>This package itself holds what they all share: {@link
 * org.graniteffm.runtime.ModelFormatException} for files whose content is wrong, its subclass
 * {@link org.graniteffm.runtime.UnsupportedModelException} for files that ask for what is not
 * supported, {@link org.graniteffm.runtime.ClosedException} and {@link
 * org.graniteffm.runtime.ConcurrentUseException} for objects that are gone or in use (operations on
 * a tensor that is gone throw what the bindings do, {@link
 * org.graniteffm.bindings.UnusableSegmentException}), {@link
 * org.graniteffm.runtime.InsufficientMemoryException} for memory that cannot be had, and {@link
 * org.graniteffm.runtime.Names} to put a stranger's words into a message.
 *
 * <pre>{@code
 * try (Checkpoint checkpoint = Checkpoint.open(folder)) {
 *   // … read tensors …
 * } catch (UnsupportedModelException e) {
 *   // a sound file, but not for this library: the message says what is supported
 * } catch (ModelFormatException e) {
 *   // a broken file: the message names file, tensor or field, expected, found
 * } catch (IOException e) {
 *   // the file system said no
 * }
 * }</pre>
 *
 * <p>Not here: anything that runs; each of the packages below has its own rules on ownership and
 * threads.
 */
package org.graniteffm.runtime;
