package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongConsumer;
import org.graniteffm.bindings.MappedFiles;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * One safetensors file, its tensors mapped read-only where the file put them, or copied.
 *
 * <p>The header is checked as strictly as the format text allows, before anything is mapped; of the
 * data no byte is read. Tensors may begin at any byte, so their segments have no alignment beyond
 * 1. They live as long as the arena given to {@link #open}. Immutable; used by any number of
 * threads if the arena allows it.
 *
 * <p>A mapped file must not be cut short while it is in use: see {@link #isRewritten}.
 *
 * <p>Source of the format: the README of huggingface/safetensors.
 */
public final class SafetensorsFile {
  private static final long COPY_BYTES = 1 << 26;

  private final Path path;
  private final Path realPath; // through links, which may lead elsewhere later
  private final FileState state; // null if it was copied
  private final Map<String, Tensor> tensors;
  private final Map<String, String> metadata;
  private final long byteSize;

  private SafetensorsFile(
      Path path,
      Path realPath,
      FileState state,
      Map<String, Tensor> tensors,
      Map<String, String> metadata,
      long byteSize) {
    this.path = path;
    this.realPath = realPath;
    this.state = state;
    this.tensors = tensors;
    this.metadata = metadata;
    this.byteSize = byteSize;
  }

  /**
   * Checks a file's header and maps its data, as {@link #open(Path, Arena, FileAccess)} does.
   *
   * @param file a regular file, or a symbolic link to one
   * @param arena owns the mapping
   * @return the file
   * @throws ModelFormatException if it is not a regular file or not what the format demands
   * @throws IOException if it cannot be read or mapped
   * @throws IllegalStateException if the arena is closed
   */
  public static SafetensorsFile open(Path file, Arena arena) throws IOException {
    return open(file, arena, FileAccess.MAPPED);
  }

  /**
   * Checks a file's header and maps or copies its data. The file itself is closed again before this
   * returns or throws; if it throws, nothing stays mapped once the arena is closed.
   *
   * @param file a regular file, or a symbolic link to one
   * @param arena owns the mapping or the copy
   * @param access how the data comes into memory
   * @return the file
   * @throws NoSuchFileException if there is no such file
   * @throws UnsupportedModelException if a tensor's dtype is none of {@link
   *     org.graniteffm.runtime.tensor.DType}
   * @throws ModelFormatException if it is not a regular file or not what the format demands, the
   *     message names the tensor and the field; or if it changed while it was read
   * @throws IOException if it cannot be read or mapped
   * @throws InsufficientMemoryException if there is no memory for the header or the copy
   * @throws IllegalStateException if the arena is closed
   */
  public static SafetensorsFile open(Path file, Arena arena, FileAccess access) throws IOException {
    return open(file, arena, access, _ -> {});
  }

  /** Tells how many bytes are done, step by step, as {@link LoadListener} has it. */
  static SafetensorsFile open(Path file, Arena arena, FileAccess access, LongConsumer step)
      throws IOException {
    Objects.requireNonNull(arena, "arena");
    FileState before = FileState.of(file);
    Path realPath = file.toRealPath();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      FileState state = FileState.of(file);
      if (!state.isSameFile(before) || state.size() != size) {
        throw changed(file);
      }
      Header header = Header.read(channel, size, Names.path(file));
      step.accept(header.dataStart());
      long byteSize = size - header.dataStart();
      boolean mapped = access == FileAccess.MAPPED;
      // Mapping fails, rather than maps too little, if the file was cut short since.
      MemorySegment data =
          mapped
              ? MappedFiles.mapReadOnly(channel, header.dataStart(), byteSize, arena)
              : copy(channel, header.dataStart(), byteSize, arena, file, step);
      if (mapped) {
        step.accept(byteSize);
      } else if (!FileState.of(file).equals(state)) {
        throw changed(file); // what was read may be of both versions
      }
      Map<String, Tensor> tensors = LinkedHashMap.newLinkedHashMap(header.tensors().size());
      for (TensorInfo info : header.tensors().values()) {
        MemorySegment part = data.asSlice(info.begin, info.byteSize());
        tensors.put(info.name, Tensor.ofFile(mapped ? file : null, part, info.dtype, info.shape));
      }
      return new SafetensorsFile(
          file,
          realPath,
          mapped ? state : null,
          Collections.unmodifiableMap(tensors),
          header.metadata(),
          byteSize);
    } catch (IOException e) {
      throw FileErrors.at(file, e);
    } catch (OutOfMemoryError e) {
      throw new InsufficientMemoryException(Names.path(file) + ": its header", before.size(), e);
    }
  }

  private static ModelFormatException changed(Path file) {
    return new ModelFormatException(Names.path(file) + ": changed while it was opened");
  }

  private static MemorySegment copy(
      FileChannel channel, long position, long size, Arena arena, Path file, LongConsumer step)
      throws IOException {
    MemorySegment data = NativeMemory.allocate(arena, size, Names.path(file) + ": a copy of it");
    for (long done = 0; done < size; ) {
      ByteBuffer block = data.asSlice(done, Math.min(COPY_BYTES, size - done)).asByteBuffer();
      int count = channel.read(block, position + done);
      if (count <= 0) {
        throw new ModelFormatException(Names.path(file) + ": cut short while its data was read");
      }
      done += count;
      step.accept(count);
    }
    return data.asReadOnly();
  }

  /**
   * The path it was opened by.
   *
   * @return as given to {@link #open}
   */
  public Path path() {
    return path;
  }

  /**
   * All tensors by name.
   *
   * @return in the order of the file's header; not modifiable
   */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  /**
   * The free-form strings under {@code __metadata__}.
   *
   * @return in the order of the file's header; empty if the file has none; not modifiable
   */
  public Map<String, String> metadata() {
    return metadata;
  }

  /**
   * The size of all tensors together, which is the file's size without its header.
   *
   * @return in bytes
   */
  public long byteSize() {
    return byteSize;
  }

  /**
   * Compares the file with its state when it was opened. Call it before native code reads the
   * tensors: if a mapped file was cut short, reading behind its new end kills the process. A check
   * narrows that window; nothing closes it.
   *
   * @return true if the same file was written to since, so that tensors may show new bytes; false
   *     if it is untouched, or was replaced or deleted, which leaves the mapped bytes as they were,
   *     or was copied
   * @throws ModelFormatException if the same file is shorter now
   * @throws IOException if its state cannot be read
   */
  public boolean isRewritten() throws IOException {
    if (state == null) {
      return false;
    }
    FileState now;
    try {
      now = FileState.of(realPath);
    } catch (NoSuchFileException | ModelFormatException e) {
      return false; // deleted, or replaced by something else
    }
    if (!now.isSameFile(state)) {
      return false;
    }
    if (now.size() < state.size()) {
      throw new ModelFormatException(
          "%s: cut short while in use: expected %d bytes, found %d"
              .formatted(Names.path(path), state.size(), now.size()));
    }
    return !now.equals(state);
  }

  /** The path and the number of tensors. */
  @Override
  public String toString() {
    return "%s (%d tensors)".formatted(Names.path(path), tensors.size());
  }
}
