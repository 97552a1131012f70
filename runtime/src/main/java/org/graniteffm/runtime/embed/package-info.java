/**
 * Texts as vectors: the last hidden states of a model, pooled.
 *
 * <p>Start from {@link org.graniteffm.runtime.embed.Embedder}:
 *
 * <pre>{@code
 * try (GraniteModel model = GraniteModel.load(folder);
 *     Tokenizer tokenizer = Tokenizers.open(folder)) {
 *   Embedder embedder = new Embedder(model);
 *   List<float[]> vectors =
 *       embedder.embed(List.of(tokenizer.encode("a text"), tokenizer.encode("another one")));
 * }
 * }</pre>
 *
 * <p>An embedder is immutable and shared freely, as its model is. What the vectors are good for
 * depends on what the model was trained for; a language model's own say little about meaning.
 */
package org.graniteffm.runtime.embed;
