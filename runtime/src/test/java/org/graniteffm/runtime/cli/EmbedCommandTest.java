package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.embed.Embedder;
import org.graniteffm.runtime.embed.Pooling;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.model.GraniteModel;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbedCommandTest {
  private static final String ONE = "Once upon a time";
  private static final String TWO = "The king had three sons.";

  @TempDir private Path temporary;

  private static String demo() throws IOException {
    return DemoModel.directory().toString();
  }

  private static CommandLineRun withInput(byte[] input, String... args) {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(input));
    try {
      return CommandLineRun.of(args);
    } finally {
      System.setIn(before);
    }
  }

  private static CommandLineRun withInput(String input, String... args) {
    return withInput(input.getBytes(StandardCharsets.UTF_8), args);
  }

  private static List<float[]> vectors(String out) {
    return out.lines().map(EmbedCommandTest::numbers).toList();
  }

  private static float[] numbers(String line) {
    String[] words = line.split(" ", -1);
    float[] numbers = new float[words.length];
    for (int i = 0; i < words.length; i++) {
      numbers[i] = Float.parseFloat(words[i]);
    }
    return numbers;
  }

  private static List<float[]> expected(Pooling pooling, boolean normalize, String... texts)
      throws IOException {
    try (GraniteModel model = GraniteModel.load(DemoModel.directory());
        Tokenizer tokenizer = Tokenizers.open(DemoModel.directory())) {
      return new Embedder(model, pooling, normalize)
          .embed(Stream.of(texts).map(tokenizer::encode).toList());
    }
  }

  private static void assertSame(List<float[]> expected, List<float[]> found) {
    assertEquals(expected.size(), found.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), found.get(i));
    }
  }

  @Test
  void vectorsAreThoseOfTheLibraryToTheLastBit() throws IOException {
    assertSame(
        expected(Pooling.MEAN, true, ONE, TWO),
        vectors(CommandLineRun.of("embed", demo(), ONE, TWO).done()));
    assertSame(
        expected(Pooling.LAST_TOKEN, false, ONE, TWO),
        vectors(
            CommandLineRun.of("embed", "--pooling=last", "--no-normalize", demo(), ONE, TWO)
                .done()));
    assertSame(
        expected(Pooling.LAST_TOKEN, true, ONE),
        vectors(CommandLineRun.of("embed", "--pooling=last", "--normalize", demo(), ONE).done()));
  }

  @Test
  void objectHasTokensAndEmbedding() throws IOException {
    String out = CommandLineRun.of("embed", demo(), ONE, "--json").done();
    assertEquals(1, out.lines().count());
    JsonNode object =
        JsonReader.parseObject(ByteBuffer.wrap(out.getBytes(StandardCharsets.UTF_8)), "out");
    assertEquals(2, object.size());
    assertEquals(4, object.get("tokens").asInt());
    float[] vector = expected(Pooling.MEAN, true, ONE).getFirst();
    assertEquals(vector.length, object.get("embedding").size());
    for (int i = 0; i < vector.length; i++) {
      assertEquals(vector[i], object.get("embedding").get(i).floatValue());
    }
  }

  @Test
  void linesOfStandardInputAreTexts() throws IOException {
    assertSame(
        vectors(CommandLineRun.of("embed", demo(), ONE).done()),
        vectors(withInput(ONE + "\n", "embed").done()));
    assertEquals(2, withInput(ONE + "\n" + TWO, "embed", demo()).done().lines().count());
    assertEquals("", withInput("", "embed").done());
  }

  @Test
  void moreTextsThanFitIntoAPassKeepTheirOrder() throws IOException {
    StringBuilder input = new StringBuilder();
    for (int i = 1; i <= 60; i++) {
      input.append("the king ".repeat(i % 30 + 1)).append('\n');
    }
    List<float[]> found = vectors(withInput(input.toString(), "embed").done());
    assertEquals(60, found.size());
    for (int i : new int[] {0, 28, 29, 30, 59}) {
      String text = input.toString().lines().toList().get(i);
      float[] alone = expected(Pooling.MEAN, true, text).getFirst();
      assertArrayEquals(alone, found.get(i), 1e-4f, text);
    }
  }

  @Test
  void inputsAreTextsOrIds() throws IOException {
    Path file =
        Files.writeString(
            temporary.resolve("in.jsonl"), "{\"text\": \"The king\"}\n{\"ids\": [47, 261]}\n");
    List<float[]> found =
        vectors(CommandLineRun.of("embed", demo(), "--inputs", file.toString()).done());
    assertArrayEquals(expected(Pooling.MEAN, true, "The king").getFirst(), found.getFirst(), 1e-5f);
    assertNotEquals(found.get(0)[0], found.get(1)[0]);
  }

  @Test
  void idsNeedNoTokenizer() throws IOException {
    Path folder = TestCheckpoints.without(temporary.resolve("m"), "tokenizer.json");
    Path file = Files.writeString(temporary.resolve("in.jsonl"), "{\"ids\": [47, 261]}");
    CommandLineRun.of("embed", folder.toString(), "--inputs", file.toString()).done();
    CommandLineRun.of("embed", folder.toString(), "x").failed("tokenizer.json");
  }

  @Test
  void whatCannotBeEmbeddedIsRefusedAndNamed() throws IOException {
    CommandLineRun.of("embed", demo(), "x", "").failed("TEXT 2: is empty");
    Path file =
        Files.writeString(temporary.resolve("in.jsonl"), "{\"ids\": [1]}\n{\"ids\": [4096]}");
    CommandLineRun.of("embed", demo(), "--inputs", file.toString())
        .failed("in.jsonl: line 2: token id 4096, legal are 0 to 4095");
    Files.writeString(file, "{\"prompt\": \"x\"}");
    CommandLineRun.of("embed", demo(), "--inputs", file.toString())
        .failed("line 1: \"prompt\" is unknown, expected \"text\" or \"ids\"");
    withInput(new byte[] {'a', (byte) 0xff, '\n'}, "embed")
        .failed("standard input: not valid UTF-8");
    CommandLineRun blank = withInput("a\n\nb\n", "embed");
    assertEquals(Main.FAILED, blank.exitCode());
    assertEquals(
        "granite: standard input: line 2: is empty, there is nothing to embed",
        blank.err().strip());
  }

  @Test
  void wrongUseIsUsage() throws IOException {
    CommandLineRun.of("embed", demo(), "x", "--pooling", "max").misused("--pooling", "mean, last");
    CommandLineRun.of("embed", demo(), "x", "--inputs", "y").misused("--inputs");
    withInput("", "embed", ONE).misused("MODEL comes before TEXT", "granite embed --help");
  }
}
