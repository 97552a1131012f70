/**
 * Text to token ids and back.
 *
 * <pre>{@code
 * try (Tokenizer tokenizer = Tokenizers.open(Path.of("granite-3.1-1b-a400m-instruct"))) {
 *   int[] ids = tokenizer.encode("Once upon a time");
 *   StreamDecoder decoder = tokenizer.streamDecoder(true);
 *   for (int id : ids) {
 *     System.out.print(decoder.push(id));
 *   }
 *   System.out.println(decoder.flush());
 * }
 * }</pre>
 *
 * <p>Supported is what Granite checkpoints use: byte-level BPE, its pre-tokenizers and known
 * regular expressions. A {@code tokenizer.json} is checked part by part before the Hugging Face
 * library (through DJL's JNI classes) sees it, because that library ends the process where it meets
 * what it did not expect. Encoding is done by it, decoding here.
 *
 * <p>A {@link org.graniteffm.runtime.tokenizer.Tokenizer} holds native memory until it is closed,
 * and may be shared between threads; a {@link org.graniteffm.runtime.tokenizer.StreamDecoder}
 * belongs to one text.
 */
package org.graniteffm.runtime.tokenizer;
