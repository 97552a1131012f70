package org.graniteffm.runtime.config;

/**
 * Configuration of a mixture of experts with a feed-forward network beside them that every token
 * goes through, {@code model_type} granitemoeshared.
 */
public final class GraniteMoeSharedConfig extends GraniteMoeConfig {
  private GraniteMoeSharedConfig(Builder builder) {
    super(builder);
  }

  /**
   * Starts to describe a mixture of experts with a shared feed-forward network.
   *
   * @return a builder with the defaults of transformers
   */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  public String modelType() {
    return "granitemoeshared";
  }

  @Override
  public String classPrefix() {
    return "GraniteMoeShared";
  }

  @Override
  public Builder toBuilder() {
    return (Builder) super.toBuilder();
  }

  /** Collects fields; {@link #build} checks them. */
  public static final class Builder extends GraniteMoeConfig.Builder<Builder> {
    private Builder() {}

    @Override
    Builder self() {
      return this;
    }

    @Override
    public GraniteMoeSharedConfig build() {
      return new GraniteMoeSharedConfig(this);
    }

    /**
     * Sets {@code shared_intermediate_size}; default 0.
     *
     * @param value width of the shared feed-forward network, in elements: 0, which is none, to
     *     1048576
     * @return this
     */
    public Builder sharedIntermediateSize(int value) {
      sharedIntermediateSize = value;
      return this;
    }
  }
}
