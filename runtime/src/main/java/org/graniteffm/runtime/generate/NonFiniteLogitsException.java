package org.graniteffm.runtime.generate;

/** The model returned a score that is no finite number: its weights, or its inputs, are broken. */
public class NonFiniteLogitsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param id the token whose score it is
   * @param score NaN or an infinity
   */
  public NonFiniteLogitsException(int id, float score) {
    super(
        "the model's score of token %d is %s: the weights are damaged or overflow"
            .formatted(id, score));
  }
}
