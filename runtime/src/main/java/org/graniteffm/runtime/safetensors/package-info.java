/**
 * Checkpoints on disk: safetensors files, read through read-only mappings and written atomically.
 *
 * <p>Start from {@link org.graniteffm.runtime.safetensors.Checkpoint} for a folder, {@link
 * org.graniteffm.runtime.safetensors.SafetensorsFile} for one file, {@link
 * org.graniteffm.runtime.safetensors.SafetensorsWriter} to write one.
 *
 * <p><b>Trust.</b> A file is a stranger's: everything it declares is checked against its real size
 * before anything is mapped or allocated for it. What is wrong is refused with a {@link
 * org.graniteffm.runtime.ModelFormatException} that names file, tensor and field; after any failure
 * nothing stays open or mapped. Values of weights are not looked at.
 *
 * <p><b>Ownership.</b> Tensors are views of the mapping and own nothing. A checkpoint owns one
 * shared arena, closed by {@link org.graniteffm.runtime.safetensors.Checkpoint#close}; a single
 * file's mapping belongs to the caller's arena.
 *
 * <p><b>Threads.</b> An opened file or checkpoint is immutable and may be shared freely.
 *
 * <p><b>What a mapping cannot survive.</b> A file that is cut short while it is mapped makes Java
 * accesses throw (a tensor's methods an exception that names the file, a bare segment {@link
 * java.lang.InternalError}), and kills the process when native code reads it. Keep checkpoints
 * where no one writes to them in place, or open them {@link
 * org.graniteffm.runtime.safetensors.FileAccess#COPIED}; {@link
 * org.graniteffm.runtime.safetensors.Checkpoint#checkFiles} tells when someone did.
 *
 * <pre>{@code
 * try (Checkpoint checkpoint = Checkpoint.open(Path.of("granite"))) {
 *   Tensor norm = checkpoint.require("model.norm.weight", hiddenSize);
 * }
 *
 * try (Arena arena = Arena.ofConfined()) {
 *   Tensor w = Tensor.ofFloats(arena, new float[] {1, 2, 3, 4}, 2, 2);
 *   SafetensorsWriter.write(Path.of("w.safetensors"), Map.of("w", w), Map.of("format", "pt"));
 * }
 * }</pre>
 *
 * <p>Not here: what tensors are called and which shapes a model expects, configuration, tokenizers,
 * downloading.
 */
package org.graniteffm.runtime.safetensors;
