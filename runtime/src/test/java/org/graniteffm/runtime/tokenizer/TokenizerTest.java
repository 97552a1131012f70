package org.graniteffm.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.json.JsonReader;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static Path file;
  private static Tokenizer tokenizer;

  @BeforeAll
  static void open() throws Exception {
    file =
        Path.of(
            TokenizerTest.class.getResource("/org/graniteffm/runtime/demo/tokenizer.json").toURI());
    tokenizer = Tokenizers.open(file.getParent());
  }

  @AfterAll
  static void close() {
    tokenizer.close();
  }

  private static int[] ints(JsonNode list) {
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = list.get(i).intValue();
    }
    return ids;
  }

  @Test
  void idsAndTextsAreThoseOfTheReference() throws Exception {
    JsonNode reference;
    try (var in =
        TokenizerTest.class.getResourceAsStream("/org/graniteffm/runtime/demo/reference.json")) {
      reference = JsonReader.parseObject(ByteBuffer.wrap(in.readAllBytes()), "reference.json");
    }
    assertFalse(reference.get("prompts").isEmpty());
    for (JsonNode prompt : reference.get("prompts")) {
      String text = prompt.get("prompt").textValue();
      assertArrayEquals(ints(prompt.get("prompt_ids")), tokenizer.encode(text));
      assertEquals(text, tokenizer.decode(ints(prompt.get("prompt_ids")), false));
      assertEquals(
          prompt.get("continuation").textValue(),
          tokenizer.decode(ints(prompt.get("continuation_ids")), false));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "Once upon a time",
        "  two  spaces\t\r\n\n end ",
        "日本語の文章と中文",
        "🦙👩‍👩‍👧‍👦🇩🇪",
        "é é ﷺ ɐ \u0000 \u0007 \uFFFD \uE000 \uDBFF\uDFFF",
        "1234567 3.14 don't DON'T",
        "<|start_of_role|>user<|end_of_role|>hi<|end_of_text|>",
        "<|end_of_text|",
      })
  void decodingEncodedTextGivesItBack(String text) {
    assertEquals(text, tokenizer.decode(tokenizer.encode(text), false));
  }

  @Test
  void specialTokensInTextAreRecognisedAndNoneIsAdded() {
    assertArrayEquals(new int[] {1}, tokenizer.encode("<|start_of_role|>"));
    assertArrayEquals(new int[] {0, 0}, tokenizer.encode("<|end_of_text|><|end_of_text|>"));
    assertEquals("ab", tokenizer.decode(tokenizer.encode("a<|end_of_text|>b"), true));
    assertEquals(OptionalInt.of(2), tokenizer.specialTokenId("<|end_of_role|>"));
    assertEquals(OptionalInt.empty(), tokenizer.specialTokenId("!"));
    assertTrue(tokenizer.isSpecial(0));
    assertFalse(tokenizer.isSpecial(3));
    assertFalse(tokenizer.isSpecial(-1));
    assertEquals(4096, tokenizer.vocabSize());
  }

  @Test
  void streamedTextIsThatOfDecodingAll() {
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      int[] ids =
          random
              .ints(random.nextInt(60), 0, 4100)
              // the byte tokens are among the first: many broken characters
              .map(id -> random.nextInt(3) > 0 ? id % 300 : id)
              .toArray();
      boolean skip = random.nextBoolean();
      StreamDecoder decoder = tokenizer.streamDecoder(skip);
      StringBuilder all = new StringBuilder();
      for (int id : ids) {
        String piece = decoder.push(id);
        all.append(piece);
        assertEquals(-1, Utf8.unpairedSurrogate(piece), "seed " + seed);
      }
      all.append(decoder.flush());
      assertEquals(tokenizer.decode(ids, skip), all.toString(), "seed " + seed);
      assertEquals("", decoder.flush());
    }
  }

  @Test
  void decodingIsThatOfTheLibrary() throws Exception {
    long handle = TokenizersLibrary.LIB.createTokenizerFromString(Files.readString(file));
    try {
      for (long seed = 0; seed < 300; seed++) {
        Random random = new Random(seed);
        int[] ids =
            random
                .ints(random.nextInt(60), 0, 4100)
                .map(id -> random.nextInt(3) > 0 ? id % 300 : id)
                .toArray();
        boolean skip = random.nextBoolean();
        long[] longs = Arrays.stream(ids).asLongStream().toArray();
        assertEquals(
            TokenizersLibrary.LIB.decode(handle, longs, skip),
            tokenizer.decode(ids, skip),
            "seed " + seed);
      }
    } finally {
      TokenizersLibrary.LIB.deleteTokenizer(handle);
    }
  }

  @Test
  void incompleteCharacterIsHeldBack() {
    int[] ids = tokenizer.encode("🦙");
    assertEquals(4, ids.length, "one token for each byte");
    StreamDecoder decoder = tokenizer.streamDecoder(true);
    assertEquals("", decoder.push(ids[0]));
    assertEquals("", decoder.push(ids[1]));
    assertEquals("", decoder.push(ids[2]));
    assertEquals("🦙", decoder.push(ids[3]));
    assertEquals("", decoder.push(ids[0]));
    assertEquals("", decoder.push(0), "a skipped token ends no character");
    assertEquals("\uFFFD", decoder.flush());
    decoder.push(ids[0]);
    int a = tokenizer.encode("a")[0];
    assertEquals("\uFFFDa", decoder.push(a), "malformed at once");
  }

  @Test
  void unknownIdsStandForNoText() {
    assertEquals("", tokenizer.decode(new int[] {4096, Integer.MAX_VALUE}, false));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.decode(new int[] {-1}, false));
    assertThrows(
        IndexOutOfBoundsException.class, () -> tokenizer.decode(new int[] {1}, 0, 2, false));
    assertEquals("", tokenizer.decode(new int[] {5, 6}, 1, 1, false));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ab\uD800", "ab\uDC00c", "ab\uD800\uD800\uDC00"})
  void unpairedSurrogateIsRefusedWithItsIndex(String text) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> tokenizer.encode(text));
    assertTrue(e.getMessage().endsWith("at index 2"), e.getMessage());
  }

  @Test
  void longTextsOfAnyKindAreEncoded() {
    for (String unit : new String[] {" ", "a", "1", "\n", "'", "é", " \n", " a"}) {
      String text = unit.repeat(Tokenizer.LONGEST_TEXT / 64 / unit.length()) + "x";
      assertEquals(text, tokenizer.decode(tokenizer.encode(text), false));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> tokenizer.encode(" ".repeat(Tokenizer.LONGEST_TEXT + 1)));
  }

  @Test
  void closedTokenizerRefusesAndClosesAgain() throws Exception {
    Tokenizer closed = Tokenizers.open(file);
    StreamDecoder decoder = closed.streamDecoder(false);
    closed.close();
    closed.close();
    assertThrows(ClosedException.class, () -> closed.encode("a"));
    assertThrows(ClosedException.class, () -> closed.encode(""));
    assertThrows(ClosedException.class, () -> closed.decode(new int[0], false));
    assertThrows(ClosedException.class, () -> closed.streamDecoder(false));
    assertEquals("!", decoder.push(3));
  }

  @Test
  void closingWhileOthersEncodeIsSafe() throws Exception {
    for (int round = 0; round < 20; round++) {
      Tokenizer shared = Tokenizers.open(file);
      int[] expected = tokenizer.encode("Once upon a time, there was");
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread[] threads = new Thread[3];
      for (int i = 0; i < threads.length; i++) {
        threads[i] =
            new Thread(() -> {
              try {
                while (true) {
                  assertArrayEquals(expected, shared.encode("Once upon a time, there was"));
                }
              } catch (IllegalStateException e) {
                // closed: as it should be
              } catch (Throwable t) {
                failure.set(t);
              }
            });
        threads[i].start();
      }
      Thread.sleep(5);
      shared.close();
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(null, failure.get());
    }
  }
}
