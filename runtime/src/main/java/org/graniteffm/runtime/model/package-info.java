/**
 * The Granite forward pass, dense and mixture of experts.
 *
 * <p>Start with {@link org.graniteffm.runtime.model.GraniteForCausalLM}, or for hidden states with
 * {@link org.graniteffm.runtime.model.GraniteModel}. Weights, config and scratch state are three
 * objects: the model holds the first two and is shared; a {@link
 * org.graniteffm.runtime.model.Session} holds the third and belongs to one caller at a time. A
 * {@link org.graniteffm.runtime.model.KvCache} is the caller's own.
 *
 * <pre>{@code
 * try (GraniteForCausalLM model = GraniteForCausalLM.load(Path.of("granite-3.3-2b-instruct"));
 *     ForwardOutput out = model.forward(ForwardInput.ofIds(new int[] {1, 2, 3}).build())) {
 *   float score = out.logits().getFloat(0, 2, 42); // of token 42 behind the third token
 * }
 * }</pre>
 *
 * <p>Choosing tokens is not done here but in {@code org.graniteffm.runtime.generate}.
 */
package org.graniteffm.runtime.model;
