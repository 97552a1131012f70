package org.graniteffm.runtime.model;

import java.util.Objects;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * What {@link Session#forward} takes, under the names transformers' {@code forward} gives it. All
 * arrays are {@code [batch][tokens]}; they are not copied and must not change during the call.
 *
 * @param inputIds token ids, or null if there are inputsEmbeds
 * @param inputsEmbeds {@code [batch, tokens, H]} F32, contiguous, multiplied by
 *     embedding_multiplier like looked-up embeddings; or null
 * @param attentionMask {@code [batch][past + tokens]}, 0 hides a token; or null
 * @param positionIds from 0; or null for {@code past, past + 1, …}. Without a mask and a cache each
 *     jump in a row of positions starts a new packed sequence, which attention does not look beyond
 * @param labels ids to predict, each compared with the logits one position before; -100 counts for
 *     nothing; or null
 * @param pastKeyValues cache to continue, updated in place; or null
 * @param useCache whether to return a cache where none was given
 * @param outputHiddenStates whether to return all hidden states
 * @param outputAttentions whether to return attention probabilities
 * @param outputRouterLogits whether to return router logits and the auxiliary loss (mixture of
 *     experts)
 * @param logitsToKeep logits of only so many last positions; 0 keeps all
 * @param keptTokens logits of only these tokens of each sequence, in this order; or null
 */
public record ForwardInput(
    int[][] inputIds,
    Tensor inputsEmbeds,
    int[][] attentionMask,
    int[][] positionIds,
    int[][] labels,
    KvCache pastKeyValues,
    boolean useCache,
    boolean outputHiddenStates,
    boolean outputAttentions,
    boolean outputRouterLogits,
    int logitsToKeep,
    int[] keptTokens) {

  /**
   * Starts from token ids.
   *
   * @param inputIds {@code [batch][tokens]}, rows of one length
   * @return a builder
   */
  public static Builder ofIds(int[]... inputIds) {
    Builder builder = new Builder();
    builder.inputIds = Objects.requireNonNull(inputIds, "inputIds");
    return builder;
  }

  /**
   * Starts from embeddings.
   *
   * @param inputsEmbeds {@code [batch, tokens, H]} F32, contiguous
   * @return a builder
   */
  public static Builder ofEmbeds(Tensor inputsEmbeds) {
    Builder builder = new Builder();
    builder.inputsEmbeds = Objects.requireNonNull(inputsEmbeds, "inputsEmbeds");
    return builder;
  }

  /** Collects the optional parts. */
  public static final class Builder {
    private int[][] inputIds;
    private Tensor inputsEmbeds;
    private int[][] attentionMask;
    private int[][] positionIds;
    private int[][] labels;
    private KvCache pastKeyValues;
    private boolean useCache;
    private boolean outputHiddenStates;
    private boolean outputAttentions;
    private boolean outputRouterLogits;
    private int logitsToKeep;
    private int[] keptTokens;

    private Builder() {}

    /**
     * Sets the mask.
     *
     * @param mask {@code [batch][past + tokens]}, or null
     * @return this
     */
    public Builder attentionMask(int[][] mask) {
      attentionMask = mask;
      return this;
    }

    /**
     * Sets the positions.
     *
     * @param positions {@code [batch][tokens]}, or null
     * @return this
     */
    public Builder positionIds(int[][] positions) {
      positionIds = positions;
      return this;
    }

    /**
     * Sets the labels; the result then has a loss.
     *
     * @param labels {@code [batch][tokens]}, or null
     * @return this
     */
    public Builder labels(int[][] labels) {
      this.labels = labels;
      return this;
    }

    /**
     * Continues a cache.
     *
     * @param cache of as many sequences, updated in place; or null
     * @return this
     */
    public Builder pastKeyValues(KvCache cache) {
      pastKeyValues = cache;
      return this;
    }

    /**
     * Asks for a cache where none is given.
     *
     * @param use default false
     * @return this
     */
    public Builder useCache(boolean use) {
      useCache = use;
      return this;
    }

    /**
     * Asks for all hidden states.
     *
     * @param output default false
     * @return this
     */
    public Builder outputHiddenStates(boolean output) {
      outputHiddenStates = output;
      return this;
    }

    /**
     * Asks for attention probabilities.
     *
     * @param output default false
     * @return this
     */
    public Builder outputAttentions(boolean output) {
      outputAttentions = output;
      return this;
    }

    /**
     * Asks for router logits and the auxiliary loss.
     *
     * @param output default false
     * @return this
     */
    public Builder outputRouterLogits(boolean output) {
      outputRouterLogits = output;
      return this;
    }

    /**
     * Keeps the logits of the last positions alone.
     *
     * @param count 0 keeps all
     * @return this
     */
    public Builder logitsToKeep(int count) {
      logitsToKeep = count;
      keptTokens = null;
      return this;
    }

    /**
     * Keeps the logits of some tokens alone, such as the last ones of packed sequences.
     *
     * @param tokens which of the new tokens of each sequence, from 0, in any order
     * @return this
     */
    public Builder logitsToKeep(int[] tokens) {
      logitsToKeep = 0;
      keptTokens = tokens;
      return this;
    }

    /**
     * Builds the input; {@link Session#forward} checks it against its model.
     *
     * @return the input
     */
    public ForwardInput build() {
      return new ForwardInput(
          inputIds,
          inputsEmbeds,
          attentionMask,
          positionIds,
          labels,
          pastKeyValues,
          useCache,
          outputHiddenStates,
          outputAttentions,
          outputRouterLogits,
          logitsToKeep,
          keptTokens);
    }
  }
}
