package org.graniteffm.runtime.generate;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.random.RandomGenerator;

/**
 * Beam search as the reference has it: every step continues all beams in one pass, keeps the best
 * candidates of each prompt, moves those that end to the prompt's finished ones, and goes on with
 * the best of the others.
 */
final class BeamSearch {
  private static final float WORST = -1e9f; // what the reference gives to places that are empty

  private final GenerationConfig config;
  private final Feed feed;
  private final Sampler sampler;
  private final StopRules stops;
  private final RandomGenerator random; // null without sampling
  private final int beams;
  private final int kept; // candidates for each prompt
  private final int vocabulary;
  private final Prompt[] prompts;
  private final float[] running; // score of each row
  private final int[] sources;
  private int[][] origins; // [rows, step]: the row that each token of a row continued
  private int[][] spareOrigins;
  private final float[] candidateScores;
  private final int[] candidateRows;
  private final int[] candidateIds;
  private boolean allHit;

  /** A sequence that has ended. */
  private record Finished(int[] ids, int[] beams, float score, FinishReason reason) {}

  /** The finished sequences of a prompt, best first, and whether better ones may come. */
  private static final class Prompt {
    final List<Finished> finished = new ArrayList<>();
    boolean mayImprove = true;
  }

  BeamSearch(
      GenerationConfig config,
      Feed feed,
      Sampler sampler,
      StopRules stops,
      RandomGenerator random,
      int vocabulary) {
    this.config = config;
    this.feed = feed;
    this.sampler = sampler;
    this.stops = stops;
    this.random = random;
    this.vocabulary = vocabulary;
    beams = config.numBeams();
    long most = (long) beams * vocabulary;
    kept = (int) Math.min(most, Math.max(2L, 1 + config.eosTokenIds().size()) * beams);
    prompts = new Prompt[feed.rows / beams];
    Arrays.setAll(prompts, i -> new Prompt());
    running = new float[feed.rows];
    Arrays.fill(running, WORST);
    for (int i = 0; i < prompts.length; i++) {
      running[i * beams] = 0;
    }
    sources = new int[feed.rows];
    origins = new int[feed.rows][feed.length - feed.promptLength];
    spareOrigins = new int[feed.rows][feed.length - feed.promptLength];
    candidateScores = new float[kept];
    candidateRows = new int[kept];
    candidateIds = new int[kept];
  }

  /**
   * One step.
   *
   * @param logits of the feed
   * @param step tokens that each row has behind its prompt
   * @return whether to go on
   */
  boolean step(MemorySegment logits, int step) {
    stops.beginStep();
    int[] newIds = new int[feed.rows];
    allHit = true;
    for (int prompt = 0; prompt < prompts.length; prompt++) {
      collect(prompt, logits, step);
      choose(prompt, step, newIds);
    }
    feed.reorder(sources, step);
    reorderOrigins(step);
    for (int row = 0; row < feed.rows; row++) {
      feed.tokens[feed.start(row) + feed.promptLength + step] = newIds[row];
    }
    boolean improvable = false;
    boolean full = true;
    for (int prompt = 0; prompt < prompts.length; prompt++) {
      prompts[prompt].mayImprove &= canImprove(prompt, step + 1);
      improvable |= prompts[prompt].mayImprove;
      full &= prompts[prompt].finished.size() == beams;
    }
    boolean open = !(full && config.earlyStopping() == EarlyStopping.TRUE);
    return improvable && open && !allHit;
  }

  private void reorderOrigins(int step) {
    for (int row = 0; row < feed.rows; row++) {
      System.arraycopy(origins[sources[row]], 0, spareOrigins[row], 0, step);
      spareOrigins[row][step] = sources[row];
    }
    int[][] before = origins;
    origins = spareOrigins;
    spareOrigins = before;
  }

  /** Finds the best continuations of a prompt's beams, best first. */
  private void collect(int prompt, MemorySegment logits, int step) {
    int found = 0;
    float[] keys = random == null ? candidateScores : new float[kept];
    for (int row = prompt * beams; row < (prompt + 1) * beams; row++) {
      float[] scores =
          sampler.logProbabilities(
              logits,
              feed.offset(row),
              row,
              feed.tokens,
              feed.start(row),
              feed.promptLength + step);
      for (int id = 0; id < vocabulary; id++) {
        float score = scores[id] + running[row];
        if (score == Float.NEGATIVE_INFINITY) {
          continue;
        }
        // the largest of scores with Gumbel noise are a draw without putting back
        float key = random == null ? score : (float) (score + gumbel());
        if (found < kept || key > keys[found - 1]) {
          found = Math.min(found + 1, kept);
          insert(keys, found, key, score, row, id);
        }
      }
    }
    if (found == 0 || candidateScores[0] == Float.NEGATIVE_INFINITY) {
      throw Sampler.noTokenLeft();
    }
    for (int i = found; i < kept; i++) { // the rest repeats the last one, without a chance
      candidateScores[i] = Float.NEGATIVE_INFINITY;
      candidateRows[i] = candidateRows[found - 1];
      candidateIds[i] = candidateIds[found - 1];
    }
    if (random != null) {
      sortByScore();
    }
  }

  private double gumbel() {
    return -Math.log(-Math.log(random.nextDouble() + 0x1p-60));
  }

  private void insert(float[] keys, int size, float key, float score, int row, int id) {
    int i = size - 1;
    for (; i > 0 && keys[i - 1] < key; i--) {
      keys[i] = keys[i - 1];
      move(i - 1, i);
    }
    keys[i] = key;
    candidateScores[i] = score;
    candidateRows[i] = row;
    candidateIds[i] = id;
  }

  private void move(int from, int to) {
    candidateScores[to] = candidateScores[from];
    candidateRows[to] = candidateRows[from];
    candidateIds[to] = candidateIds[from];
  }

  private void sortByScore() {
    for (int n = 1; n < kept; n++) {
      float score = candidateScores[n];
      int row = candidateRows[n];
      int id = candidateIds[n];
      int i = n;
      for (; i > 0 && candidateScores[i - 1] < score; i--) {
        move(i - 1, i);
      }
      candidateScores[i] = score;
      candidateRows[i] = row;
      candidateIds[i] = id;
    }
  }

  /** Moves candidates that end to the finished ones, and the best others to the beams. */
  private void choose(int prompt, int step, int[] newIds) {
    int length = feed.promptLength + step + 1;
    FinishReason[] reasons = new FinishReason[kept];
    int[] sequence = new int[length];
    List<Finished> ended = new ArrayList<>();
    boolean closed =
        !prompts[prompt].mayImprove
            || (prompts[prompt].finished.size() == beams
                && config.earlyStopping() == EarlyStopping.TRUE);
    for (int i = 0; i < kept; i++) {
      int start = feed.start(candidateRows[i]);
      System.arraycopy(feed.tokens, start, sequence, 0, length - 1);
      sequence[length - 1] = candidateIds[i];
      reasons[i] = stops.check(candidateRows[i], sequence, 0, length);
      allHit &= reasons[i] != null;
      boolean possible = candidateScores[i] > Float.NEGATIVE_INFINITY;
      if (reasons[i] != null && i < beams && !closed && possible) {
        int[] ids = Arrays.copyOfRange(sequence, feed.promptLength, length);
        int[] beamsOfIds = Arrays.copyOf(origins[candidateRows[i]], step + 1);
        beamsOfIds[step] = candidateRows[i];
        float score = normalized(candidateScores[i], step + 1);
        ended.add(new Finished(ids, beamsOfIds, score, reasons[i]));
      }
    }
    List<Finished> finished = prompts[prompt].finished;
    finished.addAll(ended);
    finished.sort((a, b) -> Float.compare(b.score(), a.score())); // stable
    if (finished.size() > beams) {
      finished.subList(beams, finished.size()).clear();
    }
    int row = prompt * beams;
    int end = row + beams;
    // candidates that have ended go on only where there are too few others
    for (int pass = 0; pass < 2; pass++) {
      for (int i = 0; i < kept && row < end; i++) {
        if ((reasons[i] == null) == (pass == 0)) {
          running[row] = pass == 0 ? candidateScores[i] : candidateScores[i] + WORST;
          sources[row] = candidateRows[i];
          newIds[row] = candidateIds[i];
          row++;
        }
      }
    }
  }

  private float normalized(float score, int newTokens) {
    return score / (float) Math.pow(newTokens, config.lengthPenalty());
  }

  private boolean canImprove(int prompt, int newTokens) {
    List<Finished> finished = prompts[prompt].finished;
    boolean longest = config.earlyStopping() == EarlyStopping.NEVER && config.lengthPenalty() > 0;
    int judged = longest ? feed.length - feed.promptLength : newTokens;
    float worst = finished.size() < beams ? WORST : finished.getLast().score();
    return normalized(running[prompt * beams], judged) > worst;
  }

  /**
   * The best sequences of each prompt.
   *
   * @param step tokens that each row has behind its prompt
   * @param cancelled whether the search was; running beams then fill what is missing
   */
  List<Generation.Sequence> sequences(int step, boolean cancelled) {
    List<Generation.Sequence> best = new ArrayList<>();
    for (int prompt = 0; prompt < prompts.length; prompt++) {
      List<Finished> finished = new ArrayList<>(prompts[prompt].finished);
      for (int row = prompt * beams; row < (prompt + 1) * beams; row++) {
        int start = feed.start(row) + feed.promptLength;
        int[] ids = Arrays.copyOfRange(feed.tokens, start, start + step);
        FinishReason reason = cancelled ? FinishReason.CANCELLED : FinishReason.LENGTH;
        float score = step == 0 ? 0 : normalized(running[row], step);
        finished.add(new Finished(ids, Arrays.copyOf(origins[row], step), score, reason));
      }
      for (Finished one : finished.subList(0, config.numReturnSequences())) {
        best.add(
            new Generation.Sequence(
                Arrays.stream(one.ids()).boxed().toList(),
                one.reason(),
                OptionalDouble.of(one.score()),
                Arrays.stream(one.beams()).boxed().toList()));
      }
    }
    return List.copyOf(best);
  }
}
