package org.graniteffm.runtime.generate;

import java.util.Optional;

/** Keeps the scores of each step as far as they are asked for. */
final class ScoreRecorder {
  private final int promptLength;
  private final StepScores scores; // null if not asked for
  private final StepScores logits;

  ScoreRecorder(GenerationConfig config, int promptLength, int rows, int vocabulary) {
    this.promptLength = promptLength;
    scores = config.outputScores() ? new StepScores(rows, vocabulary) : null;
    logits = config.outputLogits() ? new StepScores(rows, vocabulary) : null;
  }

  boolean keepsScores() {
    return scores != null;
  }

  /** What the model said behind so many tokens. */
  void logits(int row, int length, float[] values) {
    if (logits != null) {
      logits.put(length - promptLength, row, values);
    }
  }

  /** What processors made of it. */
  void scores(int row, int length, float[] values) {
    if (scores != null) {
      scores.put(length - promptLength, row, values);
    }
  }

  Optional<StepScores> scores() {
    return Optional.ofNullable(scores);
  }

  Optional<StepScores> logits() {
    return Optional.ofNullable(logits);
  }
}
