package org.graniteffm.runtime.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.tokenizer.Tokenizer;

/**
 * What a generation may call or use besides its listener. Immutable; start from {@link #NONE}.
 *
 * @param tokenizer turns tokens into the text in which stop_strings are looked for
 * @param logitsProcessors change scores, in this order
 * @param stoppingCriteria end sequences
 * @param pastKeyValues holds the beginning of the prompt already, and takes in what follows
 * @param metricsListener told what the generation took
 */
public record GenerationHooks(
    Optional<Tokenizer> tokenizer,
    List<LogitsProcessor> logitsProcessors,
    List<StoppingCriteria> stoppingCriteria,
    Optional<KvCache> pastKeyValues,
    Optional<MetricsListener> metricsListener) {
  /** Nothing to call. */
  public static final GenerationHooks NONE =
      new GenerationHooks(
          Optional.empty(), List.of(), List.of(), Optional.empty(), Optional.empty());

  /**
   * Copies the lists.
   *
   * @param tokenizer turns tokens into the text in which stop_strings are looked for
   * @param logitsProcessors change scores, in this order
   * @param stoppingCriteria end sequences
   * @param pastKeyValues holds the beginning of the prompt already, and takes in what follows
   * @param metricsListener told what the generation took
   */
  public GenerationHooks {
    logitsProcessors = List.copyOf(logitsProcessors);
    stoppingCriteria = List.copyOf(stoppingCriteria);
  }

  /**
   * Sets the tokenizer.
   *
   * @param value of the model; stays open until it is closed by its owner
   * @return hooks with it
   */
  public GenerationHooks with(Tokenizer value) {
    return new GenerationHooks(
        Optional.of(value), logitsProcessors, stoppingCriteria, pastKeyValues, metricsListener);
  }

  /**
   * Adds a processor.
   *
   * @param processor runs behind those that are there
   * @return hooks with it
   */
  public GenerationHooks with(LogitsProcessor processor) {
    return new GenerationHooks(
        tokenizer,
        plus(logitsProcessors, processor),
        stoppingCriteria,
        pastKeyValues,
        metricsListener);
  }

  /**
   * Adds a criterion.
   *
   * @param criterion one more reason to end a sequence
   * @return hooks with it
   */
  public GenerationHooks with(StoppingCriteria criterion) {
    return new GenerationHooks(
        tokenizer,
        logitsProcessors,
        plus(stoppingCriteria, criterion),
        pastKeyValues,
        metricsListener);
  }

  /**
   * Sets a cache to go on from, so that a prompt's beginning is not computed again: for one
   * sequence, without beams. Afterwards it holds the prompt and the new tokens but the last; after
   * an exception, some part of that.
   *
   * @param cache of one sequence, with the keys and values of the first of the prompt's tokens, but
   *     not of all; stays open until it is closed by its owner
   * @return hooks with it
   */
  public GenerationHooks with(KvCache cache) {
    return new GenerationHooks(
        tokenizer, logitsProcessors, stoppingCriteria, Optional.of(cache), metricsListener);
  }

  /**
   * Sets who is told what the generation took.
   *
   * @param listener told once, at the end
   * @return hooks with it
   */
  public GenerationHooks withMetrics(MetricsListener listener) {
    return new GenerationHooks(
        tokenizer, logitsProcessors, stoppingCriteria, pastKeyValues, Optional.of(listener));
  }

  private static <T> List<T> plus(List<T> list, T element) {
    List<T> longer = new ArrayList<>(list);
    longer.add(element);
    return longer;
  }
}
