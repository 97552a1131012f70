package org.graniteffm.runtime.config;

/**
 * Configuration of a mixture of experts, {@code model_type} granitemoe; with a shared feed-forward
 * network beside the experts it is a {@link GraniteMoeSharedConfig}.
 */
public sealed class GraniteMoeConfig extends GraniteConfig permits GraniteMoeSharedConfig {
  GraniteMoeConfig(Builder<?> builder) {
    super(builder);
  }

  /**
   * Starts to describe a mixture of experts.
   *
   * @return a builder with the defaults of transformers
   */
  public static Builder<?> builder() {
    return new MoeBuilder();
  }

  @Override
  public String modelType() {
    return "granitemoe";
  }

  @Override
  public String classPrefix() {
    return "GraniteMoe";
  }

  @Override
  public Builder<?> toBuilder() {
    return (Builder<?>) super.toBuilder();
  }

  /**
   * Returns {@code num_local_experts}.
   *
   * @return number of experts in each layer
   */
  public int numLocalExperts() {
    return values.numLocalExperts;
  }

  /**
   * Returns {@code num_experts_per_tok}.
   *
   * @return number of experts that work on a token
   */
  public int numExpertsPerTok() {
    return values.numExpertsPerTok;
  }

  /**
   * Returns {@code shared_intermediate_size}.
   *
   * @return width of the feed-forward network beside the experts, in elements; 0 if there is none,
   *     as in all granitemoe
   */
  public int sharedIntermediateSize() {
    return values.sharedIntermediateSize;
  }

  /**
   * Returns {@code output_router_logits}.
   *
   * @return whether a forward pass returns the router's logits unless told otherwise
   */
  public boolean outputRouterLogits() {
    return values.outputRouterLogits;
  }

  /**
   * Returns {@code router_aux_loss_coef}.
   *
   * @return weight of the balancing loss
   */
  public double routerAuxLossCoef() {
    return values.routerAuxLossCoef;
  }

  /**
   * Collects fields; {@link #build} checks them.
   *
   * @param <B> the builder's own type
   */
  public abstract static sealed class Builder<B extends Builder<B>> extends GraniteConfig.Builder<B>
      permits MoeBuilder, GraniteMoeSharedConfig.Builder {
    Builder() {}

    @Override
    public abstract GraniteMoeConfig build();

    /**
     * Sets {@code num_local_experts}; default 8.
     *
     * @param value number of experts in each layer: 1 to 65536
     * @return this
     */
    public B numLocalExperts(int value) {
      numLocalExperts = value;
      return self();
    }

    /**
     * Sets {@code num_experts_per_tok}; default 2.
     *
     * @param value number of experts that work on a token: 1 to num_local_experts
     * @return this
     */
    public B numExpertsPerTok(int value) {
      numExpertsPerTok = value;
      return self();
    }

    /**
     * Sets {@code output_router_logits}; default false.
     *
     * @param value whether a forward pass returns the router's logits unless told otherwise
     * @return this
     */
    public B outputRouterLogits(boolean value) {
      outputRouterLogits = value;
      return self();
    }

    /**
     * Sets {@code router_aux_loss_coef}; default 0.001.
     *
     * @param value weight of the balancing loss, at least 0
     * @return this
     */
    public B routerAuxLossCoef(double value) {
      routerAuxLossCoef = value;
      return self();
    }
  }

  private static final class MoeBuilder extends Builder<MoeBuilder> {
    @Override
    MoeBuilder self() {
      return this;
    }

    @Override
    public GraniteMoeConfig build() {
      return new GraniteMoeConfig(this);
    }
  }
}
