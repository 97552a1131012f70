package org.graniteffm.runtime.generate;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.random.RandomGenerator;

/**
 * Lets a smaller model guess: transformers' assisted generation. It chooses as the model does, with
 * the same options, but for a caller's own processors, which see the model's scores alone.
 */
final class AssistantModel implements Drafter {
  private final Feed feed; // over the very tokens of the model's feed
  private final Sampler sampler;
  private final RandomGenerator random; // null without sampling
  private final List<Integer> ends;
  private final double threshold;
  private final boolean adapts;
  private final List<float[]> probabilities = new ArrayList<>();
  private final IntConsumer listener;
  private int guesses;

  /**
   * Begins a generation.
   *
   * @param config options
   * @param feed of the assistant, with the same prompt; closed with this
   * @param vocabulary number of scores
   * @param guesses to begin with
   * @param random for drawing; null without sampling
   * @param listener told of that number when it changes
   */
  AssistantModel(
      GenerationConfig config,
      Feed feed,
      int vocabulary,
      int guesses,
      RandomGenerator random,
      IntConsumer listener) {
    this.listener = listener;
    this.feed = feed;
    this.guesses = guesses;
    this.random = random;
    ends = config.eosTokenIds();
    threshold = config.assistantConfidenceThreshold();
    adapts = config.numAssistantTokensSchedule() != AssistantTokensSchedule.CONSTANT;
    ScoreProcessors processors =
        new ScoreProcessors(config, vocabulary, feed.promptLength, feed.length, List.of());
    sampler = new Sampler(config, processors, vocabulary, null);
  }

  @Override
  public int draft(int[] tokens, int length, int most) {
    feed.cut(length - 1);
    int count = Math.min(most, guesses);
    for (int i = 0; i < count; i++) {
      MemorySegment logits = feed.next(length + i - feed.promptLength);
      int id = sampler.next(logits, 0, 0, tokens, 0, length + i, random);
      tokens[length + i] = id;
      if (random != null) {
        keepProbabilities(i);
      }
      if (StopRules.isEnd(id, ends) || (threshold > 0 && sampler.probability(id) < threshold)) {
        return i + 1;
      }
    }
    return count;
  }

  private void keepProbabilities(int guess) {
    if (guess == probabilities.size()) {
      probabilities.add(new float[sampler.vocabulary()]);
    }
    sampler.probabilities(probabilities.get(guess));
  }

  @Override
  public float[] probabilities(int guess) {
    return random == null ? null : probabilities.get(guess);
  }

  @Override
  public void checked(int drafted, int accepted) {
    if (adapts) {
      guesses = accepted == drafted ? guesses + 2 : Math.max(1, guesses - 1);
      listener.accept(guesses);
    }
  }

  @Override
  public void close() {
    feed.close();
  }
}
