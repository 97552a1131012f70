package org.graniteffm.runtime.generate;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.tensor.NativeMemory;

/**
 * The tokens of all rows, and what hands them to the session: the prompts once, however many rows
 * continue each, then one token a row; or everything each time without a cache.
 */
final class Feed implements AutoCloseable {
  final int rows;
  final int promptLength;
  final int length; // tokens a row has room for
  int[] tokens; // [rows, length]: prompts and what came after

  private final Session session;
  private final GraniteConfig model;
  private final boolean useCache;
  private final int group; // rows that continue one prompt; neighbours
  private final int[] promptPositions; // [rows, promptLength]; padding counts as 0
  private final int[] visible; // tokens of each row's prompt that are no padding
  private final Arena arena = Arena.ofShared();
  private final MemorySegment keyMask; // [rows, length] or null
  private final boolean ownsCache;
  private KvCache cache;
  private int[] spareTokens; // for reorder
  private int[] ids = new int[0];
  private int[] positions = new int[0];
  private boolean grouped; // the latest logits have one row per prompt

  Feed(Session session, int[][] prompts, int[][] mask, int group, int budget, boolean useCache) {
    this(session, prompts, mask, group, budget, useCache, null);
  }

  /** With a cache that holds the beginning of the one prompt already, or null. */
  Feed(
      Session session,
      int[][] prompts,
      int[][] mask,
      int group,
      int budget,
      boolean useCache,
      KvCache past) {
    if (past != null) {
      checkPast(past, prompts, group, useCache);
    }
    this.session = session;
    this.useCache = useCache;
    this.group = group;
    model = session.model().config();
    promptLength = prompts[0].length;
    rows = Math.multiplyExact(prompts.length, group);
    long cells = rows * ((long) promptLength + budget);
    if (cells > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "max_new_tokens: %d after %d tokens in %d sequences, legal are %d tokens in all"
              .formatted(budget, promptLength, rows, Integer.MAX_VALUE - 8));
    }
    length = promptLength + budget;
    try {
      tokens = new int[(int) cells];
    } catch (OutOfMemoryError e) {
      throw new InsufficientMemoryException("tokens of a generation", cells * Integer.BYTES, e);
    }
    promptPositions = new int[rows * promptLength];
    visible = new int[rows];
    try {
      keyMask = mask == null ? null : NativeMemory.allocate(arena, cells, "attention mask");
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
    if (keyMask != null) {
      keyMask.fill((byte) 1);
    }
    for (int row = 0; row < rows; row++) {
      int prompt = row / group;
      System.arraycopy(prompts[prompt], 0, tokens, row * length, promptLength);
      for (int column = 0; column < promptLength; column++) {
        if (mask == null || mask[prompt][column] != 0) {
          promptPositions[row * promptLength + column] = visible[row]++;
        } else {
          keyMask.set(ValueLayout.JAVA_BYTE, (long) row * length + column, (byte) 0);
        }
      }
    }
    ownsCache = past == null;
    // room for the prompt and a moderate answer; the cache grows if the answer is long
    try {
      cache = past != null ? past : session.model().newCache(prompts.length, firstCapacity());
    } catch (RuntimeException e) {
      arena.close();
      throw e;
    }
  }

  private static void checkPast(KvCache past, int[][] prompts, int group, boolean useCache) {
    if (!useCache || prompts.length != 1 || group != 1 || past.batch() != 1) {
      throw new IllegalArgumentException(
          "past_key_values: for one sequence, without beams, with use_cache");
    }
    if (past.length() >= prompts[0].length) {
      throw new IllegalArgumentException(
          "past_key_values: of %d tokens, legal are 0 to %d, fewer than the prompt's"
              .formatted(past.length(), prompts[0].length - 1));
    }
  }

  private int firstCapacity() {
    return promptLength + Math.min(length - promptLength, 256);
  }

  /**
   * Scores of what comes next.
   *
   * @param step tokens that each row has behind its prompt
   * @return where they are: at {@link #offset} of each row
   */
  MemorySegment next(int step) {
    return next(step, 0);
  }

  /**
   * Scores of what comes next, and of what comes behind each of some drafts: tokens that stand
   * behind the others and may be wrong. There are drafts only where there is one row, and a cache
   * that holds all tokens but the newest.
   *
   * @param step tokens that each row has behind its prompt
   * @param drafts how many stand behind those
   * @return where they are: at {@link #offset} of each row, or of each draft plus one
   */
  MemorySegment next(int step, int drafts) {
    grouped = step == 0 && group > 1;
    if (step > 0 && cache.batch() < rows) {
      widen();
    }
    if (!useCache) {
      cache.truncate(0);
    }
    int stride = grouped ? group : 1;
    int batch = rows / stride;
    int past = cache.length();
    int count = promptLength + step + drafts - past;
    if (ids.length < batch * count) {
      ids = new int[batch * count];
      positions = new int[batch * count];
    }
    for (int i = 0; i < batch; i++) {
      int row = i * stride;
      for (int j = 0; j < count; j++) {
        int column = past + j;
        ids[i * count + j] = tokens[row * length + column];
        positions[i * count + j] =
            column < promptLength
                ? promptPositions[row * promptLength + column]
                : visible[row] + column - promptLength;
      }
    }
    long maskStride = (long) stride * length;
    return drafts == 0
        ? session.nextLogits(cache, ids, count, positions, keyMask, maskStride)
        : session.allLogits(cache, ids, count, positions, keyMask, maskStride);
  }

  /** Forgets the keys and values behind so many tokens, prompt included, if there are any. */
  void cut(int tokensToKeep) {
    if (cache.length() > tokensToKeep) {
      cache.truncate(tokensToKeep);
    }
  }

  /** Gives each row a copy of its prompt's keys and values. */
  private void widen() {
    int[] sources = new int[rows];
    for (int row = 0; row < rows; row++) {
      sources[row] = row / group;
    }
    KvCache narrow = cache;
    cache = narrow.select(sources, firstCapacity());
    narrow.close();
  }

  /** Where a row's scores begin in the latest logits, in bytes. */
  long offset(int row) {
    return (long) (grouped ? row / group : row) * model.vocabSize() * Float.BYTES;
  }

  /** Memory of the keys and values. */
  long cacheBytes() {
    return cache.byteSize();
  }

  /** Where a row begins in the tokens. */
  int start(int row) {
    return row * length;
  }

  /**
   * Lets each row go on from another one of the same prompt.
   *
   * @param sources for each row the row to go on from
   * @param step tokens that each row has behind its prompt
   */
  void reorder(int[] sources, int step) {
    if (spareTokens == null) {
      spareTokens = tokens.clone();
    }
    for (int row = 0; row < rows; row++) {
      System.arraycopy(tokens, start(sources[row]), spareTokens, start(row), promptLength + step);
    }
    int[] before = tokens;
    tokens = spareTokens;
    spareTokens = before;
    if (useCache && cache.batch() == rows) {
      cache.reorder(sources, Math.min(promptLength, cache.length()));
    }
  }

  @Override
  public void close() {
    if (ownsCache) {
      cache.close();
    }
    arena.close();
  }
}
