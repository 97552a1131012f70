package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;

/**
 * A checked header: once one exists, its tensors tile the data exactly.
 *
 * <pre>
 *   byte 0        8                  8 + n                        end of file
 *        | n: u64 | n bytes of JSON  | data: tensors without gaps |
 * </pre>
 *
 * <p>Source: the format section of the README of huggingface/safetensors, and its reader for the
 * limits.
 */
final class Header {
  /** Largest header, in bytes. */
  static final long LIMIT = 100_000_000;

  /** Largest number of dimensions. */
  static final int MAX_RANK = 32;

  /** Longest tensor name, in chars. */
  static final int MAX_NAME = 1 << 16;

  /** The key of the metadata among the tensors' names. */
  static final String METADATA = "__metadata__";

  private static final int PREFIX = Long.BYTES;

  private final Map<String, TensorInfo> tensors;
  private final Map<String, String> metadata;
  private final long dataStart;

  private Header(Map<String, TensorInfo> tensors, Map<String, String> metadata, long dataStart) {
    this.tensors = tensors;
    this.metadata = metadata;
    this.dataStart = dataStart;
  }

  /** The tensors in the header's order; not modifiable. */
  Map<String, TensorInfo> tensors() {
    return tensors;
  }

  /** The metadata in the header's order; not modifiable. */
  Map<String, String> metadata() {
    return metadata;
  }

  /** Where the data begins, in bytes from the start of the file. */
  long dataStart() {
    return dataStart;
  }

  /**
   * Reads and checks a header; of the data nothing is read.
   *
   * @param channel the file
   * @param size its size in bytes
   * @param source what messages call it
   * @return the header
   * @throws ModelFormatException if the file is not what the format demands
   * @throws IOException if it cannot be read
   */
  static Header read(FileChannel channel, long size, String source) throws IOException {
    long length = readLength(channel, size, source);
    HeaderParser parser = new HeaderParser(source);
    parser.parse(new HeaderStream(channel, PREFIX, length, source));
    long dataStart = PREFIX + length;
    checkCover(parser.tensors(), size - dataStart, source);
    return new Header(
        Collections.unmodifiableMap(parser.tensors()),
        Collections.unmodifiableMap(parser.metadata()),
        dataStart);
  }

  private static long readLength(FileChannel channel, long size, String source) throws IOException {
    if (size < PREFIX) {
      throw new ModelFormatException(
          "%s: header length: expected %d bytes, the file has %d".formatted(source, PREFIX, size));
    }
    ByteBuffer prefix = ByteBuffer.allocate(PREFIX).order(ByteOrder.LITTLE_ENDIAN);
    while (prefix.hasRemaining()) {
      if (channel.read(prefix, prefix.position()) <= 0) {
        throw new ModelFormatException(source + ": cut short while its header length was read");
      }
    }
    long length = prefix.getLong(0);
    if (Long.compareUnsigned(length, LIMIT) > 0) {
      throw new ModelFormatException(
          "%s: header length: expected at most %d, found %s"
              .formatted(source, LIMIT, Long.toUnsignedString(length)));
    }
    if (length > size - PREFIX) {
      throw new ModelFormatException(
          "%s: header length: %d bytes declared, %d follow"
              .formatted(source, length, size - PREFIX));
    }
    return length;
  }

  private static int compareRanges(TensorInfo a, TensorInfo b) {
    return a.begin != b.begin ? Long.compare(a.begin, b.begin) : Long.compare(a.end, b.end);
  }

  /**
   * Sorted by offset, each tensor begins where the one before it ends, and the last ends with the
   * file.
   */
  private static void checkCover(Map<String, TensorInfo> tensors, long dataSize, String source)
      throws ModelFormatException {
    TensorInfo[] sorted = tensors.values().toArray(TensorInfo[]::new);
    Arrays.sort(sorted, Header::compareRanges);
    long covered = 0;
    for (TensorInfo tensor : sorted) {
      if (tensor.begin != covered) {
        throw new ModelFormatException(
            "%s: tensor %s: data_offsets: begins at %d, expected %d: %s"
                .formatted(
                    source,
                    Names.quote(tensor.name),
                    tensor.begin,
                    covered,
                    tensor.begin < covered ? "overlaps the tensor before it" : "leaves a hole"));
      }
      if (tensor.end > dataSize) {
        throw new ModelFormatException(
            "%s: tensor %s: data_offsets: ends at %d, the data has %d bytes"
                .formatted(source, Names.quote(tensor.name), tensor.end, dataSize));
      }
      covered = tensor.end;
    }
    if (covered != dataSize) {
      throw new ModelFormatException(
          "%s: data_offsets: the tensors cover %d bytes, the data has %d"
              .formatted(source, covered, dataSize));
    }
  }
}
