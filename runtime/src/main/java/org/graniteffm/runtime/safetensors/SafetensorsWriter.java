package org.graniteffm.runtime.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongConsumer;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Writes a safetensors file that appears complete or not at all.
 *
 * <p>The bytes go to a temporary file in the same folder, which is forced to the disk and then
 * moved over the target. So readers of an older file, even the model whose tensors are being
 * written, keep their bytes. A symbolic link at the target is replaced, not followed.
 *
 * <p>The header keeps the map's order. The data is ordered by element size, largest first, so that
 * every tensor is aligned to its elements: the format does not demand it, but some readers do.
 */
public final class SafetensorsWriter {
  private SafetensorsWriter() {}

  /**
   * Writes a file.
   *
   * @param file where it shall appear; its folder exists
   * @param tensors by name, in the order of the header; strided ones are written without their gaps
   * @param metadata free-form strings for {@code __metadata__}, which is left out if there are none
   * @throws IllegalArgumentException if a name is {@code __metadata__}, no valid Unicode or longer
   *     than 65536 chars, a tensor has more than 32 dimensions, or the header exceeds 100,000,000
   *     bytes
   * @throws IllegalStateException if a tensor's arena is closed
   * @throws IOException if the file cannot be written; what was at the target before is still there
   *     then, and the temporary file is not
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    write(file, tensors, null, metadata);
  }

  /**
   * Writes a file, the weights in it converted on the way: to the nearest value of the type, to the
   * even one of two. Tensors other than F32, F16 and BF16 stay as they are.
   *
   * @param file where it shall appear; its folder exists
   * @param tensors by name, in the order of the header; strided ones are written without their gaps
   * @param weightType F32, F16 or BF16, or null to convert nothing
   * @param metadata free-form strings for {@code __metadata__}, which is left out if there are none
   * @throws IllegalArgumentException if the weight type is none, or for what {@link #write(Path,
   *     Map, Map)} refuses
   * @throws IllegalStateException if a tensor's arena is closed
   * @throws UnsupportedModelException if a finite value is too large for the weight type; what was
   *     at the target before is still there then
   * @throws IOException if the file cannot be written; likewise
   */
  public static void write(
      Path file, Map<String, Tensor> tensors, DType weightType, Map<String, String> metadata)
      throws IOException {
    write(file, tensors, weightType, metadata, _ -> {});
  }

  /**
   * Writes a file, and tells how it goes.
   *
   * @param file as for {@link #write(Path, Map, DType, Map)}
   * @param tensors likewise
   * @param weightType likewise
   * @param metadata likewise
   * @param listener told after each tensor how many bytes it took; what it throws ends the writing,
   *     and leaves what a failed one leaves
   * @throws IllegalArgumentException likewise
   * @throws IllegalStateException likewise
   * @throws UnsupportedModelException likewise
   * @throws IOException likewise
   */
  public static void write(
      Path file,
      Map<String, Tensor> tensors,
      DType weightType,
      Map<String, String> metadata,
      LongConsumer listener)
      throws IOException {
    if (weightType != null && !weightType.isWeight()) {
      throw new IllegalArgumentException(
          "weightType: " + weightType + " is no weight type, legal are F32, F16, BF16");
    }
    List<TensorInfo> layout = layOut(tensors, weightType);
    byte[] header = header(layout, tensors.keySet(), metadata);
    if (Files.isDirectory(file)) {
      throw new FileAlreadyExistsException(Names.path(file), null, "is a folder");
    }
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null) {
      throw new IllegalArgumentException("file: names no file: " + Names.path(file));
    }
    Path temporary = null;
    try {
      try (TemporaryFile out = TemporaryFile.in(folder)) {
        temporary = out.path();
        writeAll(out.channel(), header, layout, tensors, listener);
        out.channel().force(true);
      }
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (OutOfMemoryError e) {
      remove(temporary, e);
      throw new InsufficientMemoryException(
          Names.path(file) + ": a buffer to write it", TensorOutput.BUFFER_BYTES, e);
    } catch (IOException e) {
      remove(temporary, e);
      throw FileErrors.at(file, e);
    } catch (RuntimeException | Error e) {
      remove(temporary, e);
      throw e;
    }
    forceFolder(folder);
  }

  private static void remove(Path temporary, Throwable cause) {
    if (temporary != null) {
      try {
        Files.deleteIfExists(temporary);
      } catch (IOException e) {
        cause.addSuppressed(e);
      }
    }
  }

  /**
   * A new file with the permissions the process gives to any, which those of Files.createTempFile
   * are not.
   */
  private record TemporaryFile(Path path, FileChannel channel) implements AutoCloseable {
    static TemporaryFile in(Path folder) throws IOException {
      for (int attempt = 0; ; attempt++) {
        String name = ".%016x.safetensors.tmp".formatted(ThreadLocalRandom.current().nextLong());
        Path path = folder.resolve(name);
        try {
          FileChannel channel =
              FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
          return new TemporaryFile(path, channel);
        } catch (FileAlreadyExistsException e) {
          if (attempt == 10) {
            throw e;
          }
        }
      }
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /**
   * Largest elements first, otherwise in the map's order: then every offset is a multiple of the
   * element size.
   */
  private static List<TensorInfo> layOut(Map<String, Tensor> tensors, DType weightType) {
    List<Map.Entry<String, Tensor>> entries = new ArrayList<>(tensors.entrySet());
    entries.sort(
        Comparator.comparingInt(
                (Map.Entry<String, Tensor> e) -> typeOf(e.getValue(), weightType).byteSize())
            .reversed());
    List<TensorInfo> layout = new ArrayList<>(entries.size());
    long begin = 0;
    for (Map.Entry<String, Tensor> entry : entries) {
      String name = entry.getKey();
      Tensor tensor = entry.getValue();
      checkName(name);
      if (tensor.rank() > Header.MAX_RANK) {
        throw new IllegalArgumentException(
            "tensors: %s has %d dimensions, at most %d are legal"
                .formatted(Names.quote(name), tensor.rank(), Header.MAX_RANK));
      }
      long[] shape = tensor.shape();
      DType dtype = typeOf(tensor, weightType);
      long end = begin + Tensor.byteSize(dtype, shape);
      if (end < begin) {
        throw new IllegalArgumentException("tensors: together they exceed 2^63 bytes");
      }
      layout.add(new TensorInfo(name, dtype, shape, begin, end));
      begin = end;
    }
    return layout;
  }

  private static DType typeOf(Tensor tensor, DType weightType) {
    return weightType != null && tensor.dtype().isWeight() ? weightType : tensor.dtype();
  }

  private static void checkName(String name) {
    if (name.equals(Header.METADATA)) {
      throw new IllegalArgumentException("tensors: no tensor can be called " + Header.METADATA);
    }
    if (name.length() > Header.MAX_NAME) {
      throw new IllegalArgumentException(
          "tensors: name %s has %d chars, at most %d are legal"
              .formatted(Names.quote(name), name.length(), Header.MAX_NAME));
    }
    if (Text.hasLoneSurrogate(name)) {
      throw new IllegalArgumentException(
          "tensors: name %s holds half of a surrogate pair".formatted(Names.quote(name)));
    }
  }

  /** Length prefix and JSON, padded with spaces to a multiple of 8 bytes. */
  private static byte[] header(
      List<TensorInfo> layout, Collection<String> order, Map<String, String> metadata)
      throws IOException {
    Map<String, TensorInfo> infos = LinkedHashMap.newLinkedHashMap(layout.size());
    layout.forEach(info -> infos.put(info.name, info));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[Long.BYTES]);
    try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
      json.writeStartObject();
      writeMetadata(json, metadata);
      for (String name : order) {
        writeInfo(json, infos.get(name));
      }
      json.writeEndObject();
    }
    while (out.size() % 8 != 0) {
      out.write(' ');
    }
    long length = (long) out.size() - Long.BYTES;
    if (length > Header.LIMIT) {
      throw new IllegalArgumentException(
          "tensors, metadata: header of %d bytes, at most %d are legal"
              .formatted(length, Header.LIMIT));
    }
    byte[] bytes = out.toByteArray();
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
    return bytes;
  }

  private static void writeMetadata(JsonGenerator json, Map<String, String> metadata)
      throws IOException {
    if (metadata.isEmpty()) {
      return;
    }
    json.writeObjectFieldStart(Header.METADATA);
    for (Map.Entry<String, String> entry : metadata.entrySet()) {
      String key = entry.getKey();
      if (Text.hasLoneSurrogate(key) || Text.hasLoneSurrogate(entry.getValue())) {
        throw new IllegalArgumentException(
            "metadata: %s holds half of a surrogate pair".formatted(Names.quote(key)));
      }
      json.writeStringField(key, entry.getValue());
    }
    json.writeEndObject();
  }

  private static void writeInfo(JsonGenerator json, TensorInfo info) throws IOException {
    json.writeObjectFieldStart(info.name);
    json.writeStringField("dtype", info.dtype.name());
    json.writeFieldName("shape");
    json.writeArray(info.shape, 0, info.shape.length);
    json.writeFieldName("data_offsets");
    json.writeArray(new long[] {info.begin, info.end}, 0, 2);
    json.writeEndObject();
  }

  private static void writeAll(
      FileChannel channel,
      byte[] header,
      List<TensorInfo> layout,
      Map<String, Tensor> tensors,
      LongConsumer listener)
      throws IOException {
    TensorOutput out = new TensorOutput(channel);
    out.write(header);
    for (TensorInfo info : layout) {
      try {
        out.write(tensors.get(info.name), info.dtype);
      } catch (ArithmeticException e) {
        throw new UnsupportedModelException(
            "tensor " + Names.quote(info.name) + ": " + e.getMessage());
      } catch (InternalError e) {
        throw tensors.get(info.name).cutShort(e);
      }
      listener.accept(info.end - info.begin);
    }
    out.flush();
  }

  /** Makes the move itself last, where a folder can be opened; the file is complete either way. */
  private static void forceFolder(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Not every file system can.
    }
  }
}
