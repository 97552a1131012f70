package org.graniteffm.langchain4j;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.listener.EmbeddingModelListener;
import dev.langchain4j.model.embedding.request.EmbeddingInput;
import dev.langchain4j.model.embedding.request.EmbeddingParameter;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.model.embedding.request.EmbeddingRequestParameters;
import dev.langchain4j.model.embedding.response.EmbeddingResponse;
import dev.langchain4j.model.embedding.response.EmbeddingResponseMetadata;
import dev.langchain4j.model.output.TokenUsage;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.graniteffm.runtime.embed.Embedder;
import org.graniteffm.runtime.embed.Pooling;

/**
 * LangChain4j's {@code EmbeddingModel} over a checkpoint, as many texts in one pass over the
 * weights as fit. Immutable; may be shared between threads. The parameters dimensions and inputType
 * are refused with {@code UnsupportedFeatureException}, and so is another modelName.
 *
 * <p>What the vectors are good for depends on what the model was trained for: a language model's
 * own say little about meaning.
 */
public final class GraniteEmbeddingModel implements EmbeddingModel {
  private final GraniteCheckpoint checkpoint;
  private final String modelName;
  private final Embedder embedder;
  private final List<EmbeddingModelListener> listeners;

  private GraniteEmbeddingModel(Builder builder) {
    checkpoint = Objects.requireNonNull(builder.checkpoint, "checkpoint");
    modelName = Objects.requireNonNullElse(builder.modelName, checkpoint.name());
    embedder = new Embedder(checkpoint.model().model(), builder.pooling, builder.normalize);
    listeners = builder.listeners;
  }

  /**
   * Starts with means of length 1.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  public EmbeddingResponse doEmbed(EmbeddingRequest request) {
    if (request.modelName() != null && !request.modelName().equals(modelName)) {
      throw new UnsupportedFeatureException(
          "modelName: %s; this is %s".formatted(request.modelName(), modelName));
    }
    int context = checkpoint.model().config().maxPositionEmbeddings();
    List<int[]> texts = new ArrayList<>();
    int tokens = 0;
    for (EmbeddingInput input : request.inputs()) {
      int[] ids = encode(input, texts.size());
      if (ids.length < 1 || ids.length > context) {
        throw new InvalidRequestException(
            "inputs: text %d has %d tokens, legal are 1 to %d"
                .formatted(texts.size(), ids.length, context));
      }
      tokens += ids.length;
      texts.add(ids);
    }
    return EmbeddingResponse.builder()
        .embeddings(embedder.embed(texts).stream().map(Embedding::from).toList())
        .metadata(
            EmbeddingResponseMetadata.builder()
                .modelName(modelName)
                .tokenUsage(new TokenUsage(tokens))
                .build())
        .build();
  }

  private int[] encode(EmbeddingInput input, int index) {
    try {
      return checkpoint.tokenizer().encode(input.text());
    } catch (IllegalArgumentException e) {
      throw new InvalidRequestException("inputs: text %d: %s".formatted(index, e.getMessage()), e);
    }
  }

  @Override
  public Set<EmbeddingParameter<?>> supportedParameters() {
    return Set.of(EmbeddingRequestParameters.MODEL_NAME);
  }

  @Override
  public int dimension() {
    return embedder.dimension();
  }

  @Override
  public String modelName() {
    return modelName;
  }

  @Override
  public List<EmbeddingModelListener> listeners() {
    return listeners;
  }

  /** Collects what the model needs. */
  public static final class Builder {
    private GraniteCheckpoint checkpoint;
    private String modelName;
    private Pooling pooling = Pooling.MEAN;
    private boolean normalize = true;
    private List<EmbeddingModelListener> listeners = List.of();

    private Builder() {}

    /**
     * Sets what to run.
     *
     * @param value an open checkpoint; stays open until its owner closes it
     * @return this
     */
    public Builder checkpoint(GraniteCheckpoint value) {
      checkpoint = value;
      return this;
    }

    /**
     * Sets what the model is called. A request that names another one is refused.
     *
     * @param value the checkpoint's name, unless this is called
     * @return this
     */
    public Builder modelName(String value) {
      modelName = value;
      return this;
    }

    /**
     * Sets how the states of a text's tokens become one vector.
     *
     * @param value their mean, unless this is called
     * @return this
     */
    public Builder pooling(Pooling value) {
      pooling = Objects.requireNonNull(value, "pooling");
      return this;
    }

    /**
     * Sets whether vectors are divided by their euclidean length.
     *
     * @param value true, unless this is called
     * @return this
     */
    public Builder normalize(boolean value) {
      normalize = value;
      return this;
    }

    /**
     * Sets who is told of requests, vectors and errors.
     *
     * @param value listeners
     * @return this
     */
    public Builder listeners(List<EmbeddingModelListener> value) {
      listeners = List.copyOf(value);
      return this;
    }

    /**
     * Ends.
     *
     * @return the model
     * @throws NullPointerException if there is no checkpoint
     */
    public GraniteEmbeddingModel build() {
      return new GraniteEmbeddingModel(this);
    }
  }
}
