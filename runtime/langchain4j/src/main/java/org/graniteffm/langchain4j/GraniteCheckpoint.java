package org.graniteffm.langchain4j;

import dev.langchain4j.exception.UnsupportedFeatureException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;

/**
 * An open checkpoint: what LangChain4j's models are made over, and what is closed when they are no
 * longer used. One is enough for all of them and for all threads, as its weights are shared and
 * every call has a session of its own.
 */
public final class GraniteCheckpoint implements AutoCloseable {
  private static final String CACHED = "models--";

  private final String name;
  private final GraniteForCausalLM model;
  private final Tokenizer tokenizer;
  private final GenerationConfig generationConfig;
  private final ChatTemplate template; // or null
  private final String noTemplate; // why
  private final GenerationHooks hooks;

  private GraniteCheckpoint(
      Path folder, GraniteForCausalLM model, Tokenizer tokenizer, GenerationHooks hooks)
      throws IOException {
    this.name = name(folder);
    this.model = model;
    this.tokenizer = tokenizer;
    this.hooks = hooks;
    this.generationConfig = GenerationConfig.load(folder, model.config());
    ChatTemplate found = null;
    String problem = null;
    try {
      found = ChatTemplate.load(folder);
    } catch (UnsupportedModelException e) {
      problem = e.getMessage(); // vectors need none
    }
    this.template = found;
    this.noTemplate = problem;
  }

  /**
   * Opens a checkpoint: weights are mapped, and read when they are first used.
   *
   * @param folder as Hugging Face has them; {@code HubClient} finds one by name
   * @return the checkpoint, to be closed after all use of the models made over it
   * @throws ModelFormatException if a file is malformed
   * @throws UnsupportedModelException if its architecture or a part of its tokenizer is not
   *     supported
   * @throws IOException if a file cannot be read
   */
  public static GraniteCheckpoint open(Path folder) throws IOException {
    return open(folder, GenerationHooks.NONE);
  }

  /** With hooks for each generation. */
  static GraniteCheckpoint open(Path folder, GenerationHooks hooks) throws IOException {
    GraniteForCausalLM model = GraniteForCausalLM.load(folder);
    Tokenizer tokenizer = null;
    boolean done = false;
    try {
      tokenizer = Tokenizers.open(folder);
      GraniteCheckpoint checkpoint = new GraniteCheckpoint(folder, model, tokenizer, hooks);
      done = true;
      return checkpoint;
    } finally {
      if (!done) {
        if (tokenizer != null) {
          tokenizer.close();
        }
        model.close();
      }
    }
  }

  /**
   * What models over it are called, unless their builders say otherwise.
   *
   * @return the name on the hub of what lies in the hub's cache, else the folder's name
   */
  public String name() {
    return name;
  }

  /** The cache has {@code models--OWNER--NAME/snapshots/REVISION}. */
  static String name(Path folder) {
    Path path = folder.toAbsolutePath().normalize();
    Path snapshots = path.getParent();
    if (snapshots != null && snapshots.endsWith("snapshots") && snapshots.getNameCount() > 1) {
      String repository = snapshots.getParent().getFileName().toString();
      if (repository.startsWith(CACHED)) {
        return repository.substring(CACHED.length()).replace("--", "/");
      }
    }
    return Objects.toString(path.getFileName(), "granite"); // a root has no name
  }

  GraniteForCausalLM model() {
    return model;
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  GenerationConfig generationConfig() {
    return generationConfig;
  }

  GenerationHooks hooks() {
    return hooks;
  }

  /** Refuses a checkpoint that has none. */
  ChatTemplate template() {
    if (template == null) {
      throw new UnsupportedFeatureException(noTemplate);
    }
    return template;
  }

  /**
   * Closes model and tokenizer. Waits for running calls, which end at their next token. Closing
   * twice does nothing.
   */
  @Override
  public void close() {
    model.close();
    tokenizer.close();
  }
}
