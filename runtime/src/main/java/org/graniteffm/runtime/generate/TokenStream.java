package org.graniteffm.runtime.generate;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.graniteffm.runtime.model.ExclusiveUse;
import org.graniteffm.runtime.tokenizer.StreamDecoder;
import org.graniteffm.runtime.tokenizer.Tokenizer;

/**
 * The tokens of a generation, computed as they are taken: {@link #hasNext} and {@link #next} run
 * the model on their caller's thread when they have to, and nothing is computed in between. So a
 * slow consumer holds up the generation, and no thread waits for it.
 *
 * <p>What is computed at a time is one pass: a token of each sequence, or with guesses several of
 * one; with beam search, whose tokens are known at the end, the whole of it. Get one from {@link
 * Generator#stream}; the generator is in use until the last token is taken or the stream is closed.
 * For one thread at a time; it need not be always the same.
 *
 * <p>Exceptions are those of {@link Generator#generate}, and close the stream. An interrupt ends
 * the tokens, and {@link #result} says so.
 */
public final class TokenStream implements Iterator<GeneratedToken>, AutoCloseable {
  /** How a generation begins, once there is a listener. */
  interface Start {
    Decoding begin(TokenListener listener, BooleanSupplier cancelled);
  }

  private final Generator generator;
  private final int sequences;
  private final Decoding decoding;
  private final ExclusiveUse exclusive = new ExclusiveUse("token stream");
  private int[] waiting = new int[32]; // pairs of sequence and token: a ring
  private int first;
  private int count;
  private volatile boolean cancelled;
  private Generation result; // null until it is closed

  TokenStream(Generator generator, int sequences, Start start) {
    this.generator = generator;
    this.sequences = sequences;
    decoding = start.begin(this::put, () -> cancelled);
  }

  private boolean put(int sequence, int id) {
    if (2 * (count + 1) > waiting.length) {
      grow();
    }
    int at = 2 * (first + count) % waiting.length;
    waiting[at] = sequence;
    waiting[at + 1] = id;
    count++;
    return true;
  }

  private void grow() {
    int[] larger = new int[2 * waiting.length];
    int head = waiting.length - 2 * first;
    System.arraycopy(waiting, 2 * first, larger, 0, head);
    System.arraycopy(waiting, 0, larger, head, 2 * first);
    waiting = larger;
    first = 0;
  }

  /**
   * Whether there is another token; computes it, if it was not yet.
   *
   * @return false if the generation has ended, or the stream is closed
   * @throws NonFiniteLogitsException if the model's scores are not finite
   * @throws org.graniteffm.runtime.ClosedException if the model or the generator is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if another thread is using this stream
   */
  @Override
  public boolean hasNext() {
    exclusive.enter();
    try {
      return compute();
    } finally {
      exclusive.leave();
    }
  }

  /** Whether a token waits; computes one if it must. */
  private boolean compute() {
    try {
      while (count == 0 && result == null) {
        if (!generator.advance(decoding) && count == 0) {
          end();
        }
      }
      return count > 0;
    } catch (Throwable t) {
      count = 0;
      free();
      throw t;
    }
  }

  /**
   * The next token.
   *
   * @return the token, end tokens included
   * @throws NoSuchElementException if there is none; else what {@link #hasNext} throws
   */
  @Override
  public GeneratedToken next() {
    exclusive.enter();
    try {
      if (!compute()) {
        throw new NoSuchElementException("the generation has ended");
      }
      GeneratedToken token = new GeneratedToken(waiting[2 * first], waiting[2 * first + 1]);
      first = (first + 1) % (waiting.length / 2);
      count--;
      return token;
    } finally {
      exclusive.leave();
    }
  }

  /** Whether it is known, without computing anything, that there is no other token. */
  boolean isExhausted() {
    return count == 0 && (result != null || decoding.ended());
  }

  /** Lets a pass that runs on another thread be the last. */
  void cancel() {
    cancelled = true;
  }

  /**
   * The same tokens as a stream of the JDK, which closes this one when it is closed. It is not
   * parallel.
   *
   * @return the tokens that have not been taken
   */
  public Stream<GeneratedToken> stream() {
    int traits = Spliterator.ORDERED | Spliterator.NONNULL;
    return StreamSupport.stream(Spliterators.spliteratorUnknownSize(this, traits), false)
        .onClose(this::close);
  }

  /**
   * The text of a generation of one sequence, piece by piece: each piece is complete characters,
   * and together they are what {@link Tokenizer#decode} makes of all tokens without special ones.
   * Closing it closes this stream.
   *
   * @param tokenizer of the model
   * @return what the tokens that have not been taken mean; no piece is empty
   * @throws IllegalArgumentException if there are several sequences
   */
  public Stream<String> text(Tokenizer tokenizer) {
    if (sequences != 1) {
      throw new IllegalArgumentException(
          "text: of %d sequences, legal is 1: decode each on its own".formatted(sequences));
    }
    return StreamSupport.stream(new Pieces(tokenizer.streamDecoder(true)), false)
        .onClose(this::close);
  }

  /** The text of the tokens that are left. */
  private final class Pieces extends Spliterators.AbstractSpliterator<String> {
    private final StreamDecoder decoder;

    Pieces(StreamDecoder decoder) {
      super(Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL);
      this.decoder = decoder;
    }

    @Override
    public boolean tryAdvance(Consumer<? super String> action) {
      String piece = "";
      while (piece.isEmpty() && hasNext()) {
        piece = decoder.push(next().id());
      }
      if (piece.isEmpty()) {
        piece = decoder.flush(); // empty from then on
      }
      if (piece.isEmpty()) {
        return false;
      }
      action.accept(piece);
      return true;
    }
  }

  /**
   * What the generation came to, as {@link Generator#generate} returns it. Tokens that were
   * computed but not taken are part of it; what {@link #close} cut short counts as cancelled. Its
   * times include those of the consumer.
   *
   * @return the result
   * @throws IllegalStateException if the generation has neither ended nor been closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if another thread is using this stream
   */
  public Generation result() {
    exclusive.enter();
    try {
      if (isExhausted()) {
        free();
      }
      if (result == null) {
        throw new IllegalStateException(
            "result: the generation goes on; take its tokens or close it");
      }
      return result;
    } finally {
      exclusive.leave();
    }
  }

  /**
   * Ends the generation and gives the generator back. Tokens that were not taken are gone; a stream
   * that is closed already stays so.
   *
   * @throws org.graniteffm.runtime.ConcurrentUseException if another thread is using this stream
   */
  @Override
  public void close() {
    exclusive.enter();
    try {
      count = 0;
      end();
    } finally {
      exclusive.leave();
    }
  }

  /** Ends what has not failed. */
  private void end() {
    if (result == null) {
      free();
      decoding.tellMetrics(result);
    }
  }

  private void free() {
    if (result == null) {
      result = decoding.result();
      decoding.close();
      generator.leave();
    }
  }
}
