package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Ops.CacheView;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Keys (rotated) and values of the tokens seen so far: Hugging Face's past_key_values.
 *
 * <p>Each layer has keys and values as {@code [batch, num_key_value_heads, capacity, head_dim]}, so
 * that attention reads one head of one sequence as one stream. They are F32, or BF16, to which each
 * number is rounded once, when it is written: half the memory and half of what long contexts read.
 * {@link GranitePreTrainedModel#newCache} makes the kind that suits a model, but a model takes
 * either. A cache grows by doubling, owns its memory, and belongs to one caller at a time: while a
 * pass or a method here works on it, all else that would change, copy or close it gets a {@link
 * ConcurrentUseException}, and once it is closed a {@link ClosedException}.
 */
public final class KvCache implements AutoCloseable {
  private static final int FIRST_CAPACITY = 64;
  private static final int SPARE = -1;

  private final int layers;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final DType dtype;
  private final int batch;
  private final MemorySegment[] keys;
  private final MemorySegment[] values;
  private final ExclusiveUse use = new ExclusiveUse("cache");
  private Arena arena;
  private int capacity;
  private int length;

  /**
   * Makes an empty cache.
   *
   * @param config of the model it is for
   * @param dtype of keys and values: {@link DType#F32} or {@link DType#BF16}
   * @param batch sequences, at least 1
   * @param capacity tokens per sequence to make room for now; it grows when more come
   * @throws IllegalArgumentException if dtype is another one, batch is below 1 or capacity below 0
   * @throws InsufficientMemoryException if the memory cannot be had
   */
  public KvCache(GraniteConfig config, DType dtype, int batch, int capacity) {
    this.dtype = checkDtype(dtype);
    if (batch < 1 || capacity < 0) {
      throw new IllegalArgumentException(
          "batch: %d, capacity: %d; legal are batch >= 1 and capacity >= 0"
              .formatted(batch, capacity));
    }
    this.batch = batch;
    layers = config.numHiddenLayers();
    heads = config.numAttentionHeads();
    kvHeads = config.numKeyValueHeads();
    headDim = config.headDim();
    keys = new MemorySegment[layers];
    values = new MemorySegment[layers];
    arena = Arena.ofShared();
    reallocate(capacity);
  }

  /** Returns the type of a cache, if it is one. */
  static DType checkDtype(DType dtype) {
    if (dtype != DType.F32 && dtype != DType.BF16) {
      throw new IllegalArgumentException("dtype: %s, a cache is of F32 or BF16".formatted(dtype));
    }
    return dtype;
  }

  /**
   * Bytes a cache takes.
   *
   * @param config of the model
   * @param dtype of keys and values
   * @param batch sequences
   * @param tokens per sequence
   * @return {@code 2 * layers * batch * kvHeads * tokens * headDim}, times the bytes of one
   * @throws ArithmeticException if that exceeds a long
   */
  public static long byteSize(GraniteConfig config, DType dtype, int batch, long tokens) {
    long perToken =
        2L
            * config.numHiddenLayers()
            * config.numKeyValueHeads()
            * config.headDim()
            * dtype.byteSize();
    return Math.multiplyExact(Math.multiplyExact(perToken, batch), tokens);
  }

  /**
   * Type of keys and values.
   *
   * @return F32 or BF16
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * Sequences.
   *
   * @return at least 1
   */
  public int batch() {
    return batch;
  }

  /**
   * Tokens seen so far, per sequence.
   *
   * @return 0 for an empty cache
   */
  public int length() {
    return length;
  }

  /**
   * Bytes allocated.
   *
   * @return for keys and values of all layers
   */
  public long byteSize() {
    return 2L * layers * layerBytes(capacity);
  }

  /**
   * Cuts the cache back.
   *
   * @param newLength tokens to keep
   * @throws IllegalArgumentException if there are not so many
   */
  public void truncate(int newLength) {
    enter();
    try {
      cut(newLength);
    } finally {
      leave();
    }
  }

  /** As {@link #truncate}, within a use. */
  void cut(int newLength) {
    if (newLength < 0 || newLength > length) {
      throw new IllegalArgumentException(
          "newLength: %d, legal are 0 to %d".formatted(newLength, length));
    }
    length = newLength;
  }

  /**
   * The keys of a layer, without a copy; valid until the cache grows or is closed.
   *
   * @param layer from 0
   * @return {@code [batch, kvHeads, length, headDim]} of the cache's dtype, rotated
   */
  public Tensor keys(int layer) {
    return view(keys[Objects.checkIndex(layer, layers)]);
  }

  /**
   * The values of a layer, without a copy; valid until the cache grows or is closed.
   *
   * @param layer from 0
   * @return {@code [batch, kvHeads, length, headDim]} of the cache's dtype
   */
  public Tensor values(int layer) {
    return view(values[Objects.checkIndex(layer, layers)]);
  }

  private Tensor view(MemorySegment segment) {
    return Tensor.of(segment, dtype, batch, kvHeads, capacity, headDim).slice(2, 0, length);
  }

  /**
   * A cache of its own with the same content.
   *
   * @return the copy, to be closed
   * @throws InsufficientMemoryException if the memory cannot be had
   */
  public KvCache copy() {
    enter();
    try {
      KvCache copy = new KvCache(this, batch, length);
      copy.copyFrom(keys, values, capacity, length);
      copy.length = length;
      return copy;
    } finally {
      leave();
    }
  }

  private KvCache(KvCache like, int batch, int capacity) {
    dtype = like.dtype;
    this.batch = batch;
    layers = like.layers;
    heads = like.heads;
    kvHeads = like.kvHeads;
    headDim = like.headDim;
    keys = new MemorySegment[layers];
    values = new MemorySegment[layers];
    arena = Arena.ofShared();
    reallocate(capacity);
  }

  /**
   * A cache of its own whose sequences are copies of some of this one's: to continue a prompt in
   * several ways.
   *
   * @param rows for each new sequence the one to copy; any of them any number of times
   * @param newCapacity tokens per sequence to make room for, if more than there are
   * @return the copy, to be closed
   * @throws IllegalArgumentException if rows is empty or holds no sequence of this cache
   * @throws InsufficientMemoryException if the memory cannot be had
   */
  public KvCache select(int[] rows, int newCapacity) {
    enter();
    try {
      return selected(rows, newCapacity);
    } finally {
      leave();
    }
  }

  private KvCache selected(int[] rows, int newCapacity) {
    checkRows(rows);
    KvCache copy = new KvCache(this, rows.length, Math.max(newCapacity, length));
    long sequence = kvHeads;
    long bytes = length * tokenBytes();
    for (int layer = 0; layer < layers; layer++) {
      for (int row = 0; row < rows.length; row++) {
        for (int head = 0; head < kvHeads; head++) {
          long from = stripOffset(rows[row] * sequence + head, 0);
          long to = copy.stripOffset(row * sequence + head, 0);
          MemorySegment.copy(keys[layer], from, copy.keys[layer], to, bytes);
          MemorySegment.copy(values[layer], from, copy.values[layer], to, bytes);
        }
      }
    }
    copy.length = length;
    return copy;
  }

  /**
   * Lets each sequence go on from another one's tokens, in place, as beams do.
   *
   * @param rows for each sequence the one whose tokens it takes over
   * @param from the first token to take over; those before are the same anyway, or to be kept
   * @throws IllegalArgumentException if there is not one row for each sequence, a row is no
   *     sequence of this cache, or from is beyond the length
   */
  public void reorder(int[] rows, int from) {
    enter();
    try {
      permute(rows, from);
    } finally {
      leave();
    }
  }

  private void permute(int[] rows, int from) {
    checkRows(rows);
    if (rows.length != batch) {
      throw new IllegalArgumentException("rows: %d for %d sequences".formatted(rows.length, batch));
    }
    if (from < 0 || from > length) {
      throw new IllegalArgumentException("from: %d, legal are 0 to %d".formatted(from, length));
    }
    int[] moves = moves(rows);
    if (moves.length == 0 || from == length) {
      return;
    }
    long bytes = (length - from) * tokenBytes();
    try (Arena temporary = Arena.ofConfined()) {
      MemorySegment spare = NativeMemory.allocate(temporary, bytes, "order of the cache");
      for (int layer = 0; layer < layers; layer++) {
        for (int head = 0; head < kvHeads; head++) {
          move(keys[layer], moves, head, from, bytes, spare);
          move(values[layer], moves, head, from, bytes, spare);
        }
      }
    }
  }

  private void move(
      MemorySegment layer, int[] moves, int head, int from, long bytes, MemorySegment spare) {
    for (int i = 0; i < moves.length; i += 2) {
      int source = moves[i];
      int target = moves[i + 1];
      MemorySegment.copy(
          source == SPARE ? spare : layer,
          source == SPARE ? 0 : stripOffset((long) source * kvHeads + head, from),
          target == SPARE ? spare : layer,
          target == SPARE ? 0 : stripOffset((long) target * kvHeads + head, from),
          bytes);
    }
  }

  /**
   * Orders copies so that nothing is overwritten before it was read: pairs of source and target,
   * with {@link #SPARE} for the one place that breaks a cycle.
   */
  private static int[] moves(int[] rows) {
    int[] sources = rows.clone();
    int[] readers = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      if (sources[i] != i) {
        readers[sources[i]]++;
      }
    }
    int[] moves = new int[2 * (rows.length + rows.length / 2)];
    int count = 0;
    while (true) {
      int cyclic = -1;
      boolean moved = false;
      for (int i = 0; i < rows.length; i++) {
        if (sources[i] == i) {
          continue;
        }
        if (readers[i] > 0) {
          cyclic = i;
          continue;
        }
        moves[count++] = sources[i];
        moves[count++] = i;
        if (sources[i] != SPARE) {
          readers[sources[i]]--;
        }
        sources[i] = i;
        moved = true;
      }
      if (moved) {
        continue;
      }
      if (cyclic < 0) {
        return Arrays.copyOf(moves, count);
      }
      // what is left are cycles: free one place, and let its reader read the spare
      moves[count++] = cyclic;
      moves[count++] = SPARE;
      for (int i = 0; i < rows.length; i++) {
        if (sources[i] == cyclic && i != cyclic) {
          sources[i] = SPARE;
        }
      }
      readers[cyclic] = 0;
    }
  }

  private void checkRows(int[] rows) {
    if (rows.length == 0) {
      throw new IllegalArgumentException("rows: there are none");
    }
    for (int row : rows) {
      if (row < 0 || row >= batch) {
        throw new IllegalArgumentException("rows: %d, legal are 0 to %d".formatted(row, batch - 1));
      }
    }
  }

  /** Bytes of a token's keys, or values, of one head. */
  private long tokenBytes() {
    return (long) headDim * dtype.byteSize();
  }

  /** Where a token of one head of one sequence is, in bytes. */
  private long stripOffset(long strip, int token) {
    return (strip * capacity + token) * tokenBytes();
  }

  /**
   * Appends keys and values from elsewhere, converted to the cache's dtype.
   *
   * @param newKeys for each layer {@code [batch, kvHeads, tokens, headDim]} F32 or BF16, rotated
   * @param newValues the same for the values
   * @throws IllegalArgumentException if the number of layers, a shape or a dtype does not fit
   */
  public void append(Tensor[] newKeys, Tensor[] newValues) {
    enter();
    try {
      add(newKeys, newValues);
    } finally {
      leave();
    }
  }

  private void add(Tensor[] newKeys, Tensor[] newValues) {
    if (newKeys.length != layers || newValues.length != layers) {
      throw new IllegalArgumentException(
          "past_key, past_value: %d and %d layers, the model has %d"
              .formatted(newKeys.length, newValues.length, layers));
    }
    long tokens = newKeys[0].rank() == 4 ? newKeys[0].size(2) : -1;
    for (int layer = 0; layer < layers; layer++) {
      check("past_key." + layer, newKeys[layer], tokens);
      check("past_value." + layer, newValues[layer], tokens);
    }
    reserve((int) Math.min(tokens, Integer.MAX_VALUE));
    for (int layer = 0; layer < layers; layer++) {
      add(newKeys[layer], tokens, keys[layer]);
      add(newValues[layer], tokens, values[layer]);
    }
    length += (int) tokens;
  }

  private void add(Tensor from, long tokens, MemorySegment to) {
    if (from.dtype() == dtype) {
      copyStrips(from.segment(), tokens, to, tokens);
      return;
    }
    long strips = (long) batch * kvHeads;
    long cols = tokens * headDim;
    long stride = (long) capacity * headDim;
    long at = stripOffset(0, length);
    if (dtype == DType.BF16) {
      Kernels.narrow(from.segment(), 0, cols, strips, cols, to, at, Kernels.BF16, stride);
    } else {
      Kernels.widen(from.segment(), 0, Kernels.BF16, cols, strips, cols, to, at, stride);
    }
  }

  private void check(String name, Tensor tensor, long tokens) {
    if ((tensor.dtype() != DType.F32 && tensor.dtype() != DType.BF16)
        || !tensor.isContiguous()
        || !tensor.hasShape(batch, kvHeads, tokens, headDim)) {
      throw new IllegalArgumentException(
          "%s: expected a contiguous F32 or BF16 [%d, %d, tokens, %d], the same for all layers, found %s"
              .formatted(name, batch, kvHeads, headDim, tensor));
    }
  }

  private long layerBytes(int tokens) {
    long perToken = kvHeads * tokenBytes(); // below 2^23
    long rows = (long) batch * tokens; // below 2^62
    return rows > Long.MAX_VALUE / perToken ? Long.MAX_VALUE : perToken * rows;
  }

  /** Makes room for so many more tokens. */
  void reserve(int more) {
    if (more <= capacity - length) {
      return;
    }
    if (more > Integer.MAX_VALUE - 8 - length) {
      throw new IllegalArgumentException(
          "tokens: %d behind %d in the cache, legal are %d in all"
              .formatted(more, length, Integer.MAX_VALUE - 8));
    }
    int needed = length + more;
    Arena before = arena;
    MemorySegment[] oldKeys = keys.clone();
    MemorySegment[] oldValues = values.clone();
    int oldCapacity = capacity;
    arena = Arena.ofShared();
    try {
      int doubled = (int) Math.min(Integer.MAX_VALUE - 8, 2L * capacity);
      reallocate(Math.max(needed, Math.max(FIRST_CAPACITY, doubled)));
    } catch (InsufficientMemoryException e) {
      arena = before;
      System.arraycopy(oldKeys, 0, keys, 0, layers);
      System.arraycopy(oldValues, 0, values, 0, layers);
      throw e;
    }
    copyFrom(oldKeys, oldValues, oldCapacity, length);
    before.close();
  }

  /**
   * Allocates in the present arena; if that fails the arena is closed and nothing else has changed.
   */
  private void reallocate(int newCapacity) {
    try {
      long bytes = layerBytes(newCapacity);
      long all = bytes > Long.MAX_VALUE / (2L * layers) ? Long.MAX_VALUE : 2L * layers * bytes;
      NativeMemory.check(all, "cache of " + newCapacity + " tokens");
      for (int layer = 0; layer < layers; layer++) {
        keys[layer] = NativeMemory.allocate(arena, bytes, "keys");
        values[layer] = NativeMemory.allocate(arena, bytes, "values");
      }
      capacity = newCapacity;
    } catch (InsufficientMemoryException e) {
      arena.close();
      throw e;
    }
  }

  private void copyFrom(
      MemorySegment[] otherKeys, MemorySegment[] otherValues, int otherCapacity, int tokens) {
    int before = length;
    length = 0;
    for (int layer = 0; layer < layers; layer++) {
      copyStrips(otherKeys[layer], otherCapacity, keys[layer], tokens);
      copyStrips(otherValues[layer], otherCapacity, values[layer], tokens);
    }
    length = before;
  }

  /** Copies {@code tokens} of every sequence and head to behind the present length. */
  private void copyStrips(MemorySegment from, long fromCapacity, MemorySegment to, long tokens) {
    for (long strip = 0; strip < (long) batch * kvHeads; strip++) {
      MemorySegment.copy(
          from,
          strip * fromCapacity * tokenBytes(),
          to,
          stripOffset(strip, length),
          tokens * tokenBytes());
    }
  }

  /** Fills a view of one layer for the operations on it. */
  void view(int layer, CacheView view) {
    view.keys = keys[layer];
    view.values = values[layer];
    view.dtype = dtype;
    view.batch = batch;
    view.heads = heads;
    view.kvHeads = kvHeads;
    view.headDim = headDim;
    view.capacity = capacity;
    view.past = length;
  }

  /** Counts tokens whose keys and values all layers have. */
  void advance(int tokens) {
    length += tokens;
  }

  /** Whether this cache fits a model. */
  boolean fits(GraniteConfig config) {
    return layers == config.numHiddenLayers()
        && heads == config.numAttentionHeads()
        && kvHeads == config.numKeyValueHeads()
        && headDim == config.headDim();
  }

  /** Starts a use by a pass or a method; to be paired with {@link #leave}. */
  void enter() {
    use.enter();
    if (!arena.scope().isAlive()) {
      use.leave();
      throw new ClosedException("cache: is closed");
    }
  }

  void leave() {
    use.leave();
  }

  /**
   * Frees the memory; a cache that is closed already stays so.
   *
   * @throws ConcurrentUseException if a pass or another thread is using it
   */
  @Override
  public void close() {
    use.enter();
    try {
      if (arena.scope().isAlive()) {
        arena.close();
      }
    } finally {
      use.leave();
    }
  }
}
