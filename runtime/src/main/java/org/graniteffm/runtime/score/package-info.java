/**
 * How well a model predicts a text: negative log-likelihoods and perplexity, over windows that
 * slide along it.
 *
 * <p>Start from {@link org.graniteffm.runtime.score.Scorer}:
 *
 * <pre>{@code
 * try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
 *     Tokenizer tokenizer = Tokenizers.open(folder);
 *     Scorer scorer = new Scorer(model)) {
 *   Score score = scorer.score(tokenizer.encode(text));
 *   System.out.println(score.perplexity() + " over " + score.predicted() + " tokens");
 * }
 * }</pre>
 *
 * <p>A scorer belongs to one caller at a time; what it returns is immutable. The loss of labels
 * that are not the text itself is {@link org.graniteffm.runtime.model.ForwardOutput#loss}.
 */
package org.graniteffm.runtime.score;
