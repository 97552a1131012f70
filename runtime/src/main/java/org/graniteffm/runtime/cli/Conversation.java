package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.chat.Reply;
import org.graniteffm.runtime.generate.FinishReason;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.tokenizer.Tokenizer;

/**
 * The turns so far, and the keys and values of their tokens: of each turn only what differs from
 * what the model has seen is computed. The template decides what that is; it may shorten turns that
 * are past.
 */
final class Conversation implements AutoCloseable {
  /** Given an answer as it comes, without calls of tools. */
  interface TextListener {
    /** Takes a piece, which may be empty; false ends the answer. */
    boolean onText(String piece);
  }

  /**
   * A complete answer.
   *
   * @param reply text, or calls of tools if there are tools
   * @param generation how it went; the prompt's tokens that were seen before do not count
   */
  record Answer(Reply reply, Generation generation) {}

  private static final int NEW_TOKENS = 1024;

  private final ChatTemplate template;
  private final ChatOptions options;
  private final List<Message> start;
  private final GenerationConfig config;
  private final Tokenizer tokenizer;
  private final Generator generator;
  private final int context;
  private final KvCache cache;
  private final List<Message> messages = new ArrayList<>();
  private int[] seen = new int[0]; // the tokens that the cache holds

  /** Borrows all that can be closed. */
  Conversation(
      ChatTemplate template,
      ChatOptions options,
      List<Message> start,
      GenerationConfig config,
      GraniteForCausalLM model,
      Tokenizer tokenizer,
      Generator generator) {
    this.template = template;
    this.options = options;
    this.start = List.copyOf(start);
    this.config = config;
    this.tokenizer = tokenizer;
    this.generator = generator;
    context = model.config().maxPositionEmbeddings();
    cache = model.newCache(1, 0);
    reset();
  }

  /** Forgets all turns. */
  void reset() {
    messages.clear();
    messages.addAll(start);
  }

  /**
   * One turn. If it fails the conversation is as before.
   *
   * @param turn what the user says, or a tool returned
   * @param listener given each piece of the answer
   * @param cancelled true ends it, too; what came is kept
   * @return the answer
   * @throws IllegalArgumentException if the template refuses the turns, or they leave no room
   * @throws IOException if the template fails
   */
  Answer answer(Message turn, TextListener listener, BooleanSupplier cancelled) throws IOException {
    messages.add(turn);
    boolean answered = false;
    try {
      AnswerText text = new AnswerText(tokenizer, options.tools(), listener);
      Generation generation = generate(text, cancelled);
      String content = content(generation.sequences().getFirst());
      Answer answer = new Answer(text.end(content), generation);
      messages.add(Message.assistant(content));
      answered = true;
      return answer;
    } finally {
      if (!answered) {
        messages.removeLast();
      }
    }
  }

  private Generation generate(AnswerText text, BooleanSupplier cancelled) throws IOException {
    int[] ids = tokenizer.encode(template.render(messages, options));
    if (ids.length >= context) {
      throw new IllegalArgumentException(
          "conversation: %d tokens, the model's context has %d; /reset starts anew"
              .formatted(ids.length, context));
    }
    GenerationHooks hooks = GenerationHooks.NONE.with(tokenizer);
    boolean keeps = config.useCache() && config.numBeams() == 1;
    if (keeps) {
      int same = Arrays.mismatch(seen, ids);
      cache.truncate(Math.min(same < 0 ? seen.length : same, ids.length - 1));
      hooks = hooks.with(cache);
    }
    seen = new int[0];
    boolean done = false;
    try {
      Generation generation =
          generator.generate(
              new int[][] {ids},
              null,
              limit(ids.length),
              hooks,
              (sequence, id) -> text.push(id),
              cancelled);
      if (keeps) {
        int[] known = withNew(ids, generation.sequences().getFirst().idArray());
        seen = Arrays.copyOf(known, cache.length());
      }
      done = true;
      return generation;
    } finally {
      if (!done) {
        cache.truncate(0);
      }
    }
  }

  private static int[] withNew(int[] ids, int[] added) {
    int[] all = Arrays.copyOf(ids, ids.length + added.length);
    System.arraycopy(added, 0, all, ids.length, added.length);
    return all;
  }

  /** As many new tokens as the context has room for, {@value #NEW_TOKENS} if nobody says more. */
  private GenerationConfig limit(int promptLength) {
    int room = context - promptLength;
    int wanted = config.maxNewTokens().orElse(NEW_TOKENS);
    return config.toBuilder().maxNewTokens(Math.min(wanted, room)).build();
  }

  /** With special tokens, since marks of tool calls are some; without the one that ends it. */
  private String content(Generation.Sequence sequence) {
    int[] ids = sequence.idArray();
    boolean ended = sequence.finishReason() == FinishReason.EOS && ids.length > 0;
    return tokenizer.decode(ids, 0, ended ? ids.length - 1 : ids.length, false);
  }

  /** Tokens that need not be computed again. */
  int seenTokens() {
    return seen.length;
  }

  @Override
  public void close() {
    cache.close();
  }
}
