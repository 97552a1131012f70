package org.graniteffm.runtime.config;

/** Configuration of a mixture of experts, {@code model_type} granitemoe. */
public final class GraniteMoeConfig extends GraniteConfig {
  private GraniteMoeConfig(Builder builder) {
    super(builder);
  }

  /**
   * Starts to describe a mixture of experts.
   *
   * @return a builder with the defaults of transformers
   */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  public String modelType() {
    return "granitemoe";
  }

  /**
   * Returns {@code num_local_experts}.
   *
   * @return number of experts in each layer
   */
  public int numLocalExperts() {
    return experts();
  }

  /**
   * Returns {@code num_experts_per_tok}.
   *
   * @return number of experts that work on a token
   */
  public int numExpertsPerTok() {
    return expertsPerToken();
  }

  /**
   * Returns {@code output_router_logits}.
   *
   * @return whether a forward pass returns the router's logits unless told otherwise
   */
  public boolean outputRouterLogits() {
    return routerLogits();
  }

  /**
   * Returns {@code router_aux_loss_coef}.
   *
   * @return weight of the balancing loss
   */
  public double routerAuxLossCoef() {
    return auxLossCoef();
  }

  /** Collects fields; {@link #build} checks them. */
  public static final class Builder extends GraniteConfig.Builder<Builder> {
    private Builder() {}

    @Override
    Builder self() {
      return this;
    }

    @Override
    public GraniteMoeConfig build() {
      return new GraniteMoeConfig(this);
    }

    /**
     * Sets {@code num_local_experts}; default 8.
     *
     * @param value number of experts in each layer: 1 to 65536
     * @return this
     */
    public Builder numLocalExperts(int value) {
      numLocalExperts = value;
      return this;
    }

    /**
     * Sets {@code num_experts_per_tok}; default 2.
     *
     * @param value number of experts that work on a token: 1 to num_local_experts
     * @return this
     */
    public Builder numExpertsPerTok(int value) {
      numExpertsPerTok = value;
      return this;
    }

    /**
     * Sets {@code output_router_logits}; default false.
     *
     * @param value whether a forward pass returns the router's logits unless told otherwise
     * @return this
     */
    public Builder outputRouterLogits(boolean value) {
      outputRouterLogits = value;
      return this;
    }

    /**
     * Sets {@code router_aux_loss_coef}; default 0.001.
     *
     * @param value weight of the balancing loss, at least 0
     * @return this
     */
    public Builder routerAuxLossCoef(double value) {
      routerAuxLossCoef = value;
      return this;
    }
  }
}
