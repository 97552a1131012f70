/**
 * Generation: from prompts to tokens, one at a time, on top of {@code
 * org.graniteffm.runtime.model}.
 *
 * <p>Start with {@link org.graniteffm.runtime.generate.Generator} and {@link
 * org.graniteffm.runtime.generate.GenerationConfig}. A generator belongs to one caller at a time.
 *
 * <pre>{@code
 * try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
 *     Tokenizer tokenizer = Tokenizers.open(folder);
 *     Generator generator = new Generator(model)) {
 *   GenerationConfig config = GenerationConfig.load(folder, model.config());
 *   StreamDecoder text = tokenizer.streamDecoder(true);
 *   generator.generate(
 *       tokenizer.encode("Once upon a time"),
 *       config,
 *       (sequence, id) -> {
 *         System.out.print(text.push(id));
 *         return true;
 *       });
 *   System.out.println(text.flush());
 * }
 * }</pre>
 *
 * <p>Instead of a listener, {@link org.graniteffm.runtime.generate.TokenStream} gives tokens or
 * text as they are taken:
 *
 * <pre>{@code
 * try (Stream<String> text = generator.stream(ids, config).text(tokenizer)) {
 *   text.forEach(System.out::print);
 * }
 * }</pre>
 *
 * <p>Text is not dealt with here otherwise, but for stop strings: see {@code
 * org.graniteffm.runtime.tokenizer}. A caller's own processors and criteria come in as {@link
 * org.graniteffm.runtime.generate.GenerationHooks}.
 */
package org.graniteffm.runtime.generate;
