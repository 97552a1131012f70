package org.graniteffm.runtime.tokenizer;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.graniteffm.bindings.jni.JniLibraries;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;

/**
 * Encodes with the Hugging Face library in DJL's jar. Only DJL's class of native methods is used,
 * and the library is loaded here: DJL's own start would look for CUDA through JNA, reuse a library
 * that lies in a shared cache folder, and call home.
 */
final class DjlTokenizer implements Tokenizer {
  private static final TokenizersLibrary LIBRARY = TokenizersLibrary.LIB;

  private static boolean loaded;

  private final Vocabulary vocabulary;
  // A handle is a bare address: whoever uses it holds the read lock, so that it is not freed.
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private long handle;

  private DjlTokenizer(long handle, Vocabulary vocabulary) {
    this.handle = handle;
    this.vocabulary = vocabulary;
  }

  static DjlTokenizer open(TokenizerFile file) throws IOException {
    loadLibrary();
    long handle;
    try {
      handle = LIBRARY.createTokenizerFromString(file.text());
    } catch (RuntimeException e) {
      throw refused(file, e);
    }
    DjlTokenizer tokenizer = new DjlTokenizer(handle, new Vocabulary(file.vocab(), file.added()));
    try {
      LIBRARY.disableTruncation(handle);
      LIBRARY.disablePadding(handle);
      // The library numbers added tokens by its own rules, whatever the file says.
      for (Vocabulary.AddedToken token : file.added()) {
        int[] ids = tokenizer.encode(token.content());
        if (ids.length != 1 || ids[0] != token.id()) {
          throw new ModelFormatException(
              "%s: added_tokens: %s has id %d, but is read as %s"
                  .formatted(
                      file.source(),
                      Names.quote(token.content()),
                      token.id(),
                      ids.length > 8 ? ids.length + " tokens" : Arrays.toString(ids)));
        }
      }
    } catch (RuntimeException e) {
      tokenizer.close();
      throw refused(file, e);
    } catch (IOException | Error e) {
      tokenizer.close();
      throw e;
    }
    return tokenizer;
  }

  private static ModelFormatException refused(TokenizerFile file, RuntimeException e) {
    return new ModelFormatException(
        file.source() + ": refused by the tokenizer library: " + Names.quote(e.getMessage()), e);
  }

  private static synchronized void loadLibrary() throws IOException {
    if (loaded) {
      return;
    }
    String name = System.mapLibraryName("tokenizers");
    String resource = "/native/lib/" + platform() + "/cpu/" + name;
    try (InputStream in = TokenizersLibrary.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new IOException("tokenizer library: there is none for this system, " + resource);
      }
      JniLibraries.load(in, name);
    } catch (LinkageError e) {
      throw new IOException("tokenizer library: cannot load " + resource, e);
    }
    loaded = true;
  }

  private static String platform() {
    String os = System.getProperty("os.name", "");
    String arch = System.getProperty("os.arch", "");
    return (os.startsWith("Mac") ? "osx" : os.startsWith("Win") ? "win" : "linux")
        + "-"
        + (arch.equals("amd64") ? "x86_64" : arch);
  }

  @Override
  public int[] encode(String text) {
    checkText(text);
    lock.readLock().lock();
    try {
      checkOpen();
      if (text.isEmpty()) {
        return new int[0];
      }
      long encoding = LIBRARY.encode(handle, text, false);
      try {
        return Arrays.stream(LIBRARY.getTokenIds(encoding)).mapToInt(Math::toIntExact).toArray();
      } finally {
        LIBRARY.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  private static void checkText(String text) {
    Objects.requireNonNull(text, "text");
    if (text.length() > LONGEST_TEXT) {
      throw new IllegalArgumentException(
          "text: %d characters, the limit is %d".formatted(text.length(), LONGEST_TEXT));
    }
    int unpaired = Utf8.unpairedSurrogate(text);
    if (unpaired >= 0) {
      throw new IllegalArgumentException(
          "text: unpaired surrogate U+%04X at index %d"
              .formatted((int) text.charAt(unpaired), unpaired));
    }
  }

  private void checkOpen() {
    if (handle == 0) {
      throw new ClosedException("tokenizer: is closed");
    }
  }

  @Override
  public String decode(int[] ids, int from, int to, boolean skipSpecialTokens) {
    Objects.checkFromToIndex(from, to, ids.length);
    StreamDecoder decoder = streamDecoder(skipSpecialTokens);
    StringBuilder out = new StringBuilder();
    for (int i = from; i < to; i++) {
      out.append(decoder.push(ids[i]));
    }
    return out.append(decoder.flush()).toString();
  }

  @Override
  public StreamDecoder streamDecoder(boolean skipSpecialTokens) {
    lock.readLock().lock();
    try {
      checkOpen();
      return new StreamDecoder(vocabulary, skipSpecialTokens);
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public int vocabSize() {
    return vocabulary.size();
  }

  @Override
  public boolean isSpecial(int id) {
    return vocabulary.isSpecial(id);
  }

  @Override
  public OptionalInt specialTokenId(String content) {
    return vocabulary.specialId(content);
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        LIBRARY.deleteTokenizer(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
