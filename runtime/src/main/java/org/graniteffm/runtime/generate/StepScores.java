package org.graniteffm.runtime.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.graniteffm.runtime.InsufficientMemoryException;

/**
 * Scores that were kept of each step of a generation: {@code [steps, rows, vocabulary]},
 * transformers' tuple of tensors.
 *
 * <p>A row is a sequence, those of one prompt being neighbours; with beam search it is a beam, so
 * that there are num_beams for each prompt, however many sequences are returned. {@link
 * Generation.Sequence#beamIndices} then says which row each token came from.
 */
public final class StepScores {
  private final int rows;
  private final int vocabulary;
  private final List<float[][]> steps = new ArrayList<>();

  StepScores(int rows, int vocabulary) {
    this.rows = rows;
    this.vocabulary = vocabulary;
  }

  void put(int step, int row, float[] scores) {
    try {
      while (steps.size() <= step) {
        steps.add(new float[rows][]);
      }
      steps.get(step)[row] = scores.clone();
    } catch (OutOfMemoryError e) {
      long bytes = (step + 1L) * rows * vocabulary * Float.BYTES;
      throw new InsufficientMemoryException("output_scores or output_logits", bytes, e);
    }
  }

  /**
   * Steps: with one sequence, or with several that go on to the end, its new tokens.
   *
   * @return at least 0
   */
  public int steps() {
    return steps.size();
  }

  /**
   * Sequences, or beams.
   *
   * @return at least 1
   */
  public int rows() {
    return rows;
  }

  /**
   * Tokens of the vocabulary.
   *
   * @return scores in a row
   */
  public int vocabulary() {
    return vocabulary;
  }

  /**
   * The scores one token was chosen by.
   *
   * @param step which token, from 0
   * @param row which sequence or beam, from 0
   * @return a copy, with a score for each token of the vocabulary; NaN where the sequence had ended
   *     before, for which transformers has what it makes of padding
   * @throws IndexOutOfBoundsException if there is no such step or row
   */
  public float[] row(int step, int row) {
    float[] kept = steps.get(Objects.checkIndex(step, steps.size()))[Objects.checkIndex(row, rows)];
    if (kept != null) {
      return kept.clone();
    }
    float[] none = new float[vocabulary];
    Arrays.fill(none, Float.NaN);
    return none;
  }

  /**
   * One score.
   *
   * @param step which token, from 0
   * @param row which sequence or beam, from 0
   * @param id which token of the vocabulary
   * @return the score, as {@link #row} has it
   * @throws IndexOutOfBoundsException if there is no such step, row or token
   */
  public float score(int step, int row, int id) {
    float[] kept = steps.get(Objects.checkIndex(step, steps.size()))[Objects.checkIndex(row, rows)];
    Objects.checkIndex(id, vocabulary);
    return kept == null ? Float.NaN : kept[id];
  }
}
