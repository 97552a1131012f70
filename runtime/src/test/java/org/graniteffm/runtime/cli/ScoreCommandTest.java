package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.graniteffm.runtime.json.JsonReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScoreCommandTest {
  private static final String TEXT = "Once upon a time there was a little girl who lived alone.";

  @TempDir private Path folder;

  private String file(String text) throws IOException {
    return Files.writeString(folder.resolve("text.txt"), text).toString();
  }

  private static JsonNode json(String... args) throws IOException {
    String out = CommandLineRun.of(args).done();
    assertEquals(1, out.lines().count());
    return JsonReader.parseObject(ByteBuffer.wrap(out.getBytes(StandardCharsets.UTF_8)), "out");
  }

  @Test
  void objectHasTheFigures() throws IOException {
    JsonNode facts = json("score", "--text", file(TEXT), "--json", "--tokens");
    int tokens = facts.get("tokens").asInt();
    assertEquals(tokens - 1, facts.get("predicted").asInt());
    assertEquals(tokens, facts.get("ids").size());
    assertTrue(facts.get("nll").get(0).isNull());
    double sum = 0;
    for (int i = 1; i < tokens; i++) {
      sum += facts.get("nll").get(i).asDouble();
    }
    double mean = facts.get("mean_nll").asDouble();
    assertEquals(sum / (tokens - 1), mean, 1e-4);
    assertEquals(Math.exp(mean), facts.get("perplexity").asDouble(), 1e-3);
    assertEquals(1024, facts.get("window").asInt());
    assertEquals(512, facts.get("stride").asInt());
    assertEquals(1, facts.get("windows").asInt());
  }

  @Test
  void windowAndStrideAreTaken() throws IOException {
    JsonNode facts = json("score", "--text", file(TEXT), "--window", "6", "--json");
    assertEquals(3, facts.get("stride").asInt());
    assertEquals(facts.get("tokens").asInt() - 1, facts.get("predicted").asInt());
    JsonNode apart =
        json("score", "--text", file(TEXT), "--window", "6", "--stride", "6", "--json");
    assertTrue(apart.get("predicted").asInt() < facts.get("predicted").asInt());
    assertTrue(!apart.has("nll"));
  }

  @Test
  void plainTextHasALineForEachTokenOnRequest() throws IOException {
    List<String> lines =
        CommandLineRun.of("score", "--text", file(TEXT), "--tokens").done().lines().toList();
    assertTrue(lines.getFirst().endsWith("-  \"Once\""), lines.getFirst());
    assertTrue(lines.get(1).endsWith("  \" upon\""), lines.get(1));
    assertTrue(lines.getLast().startsWith("mean negative log-likelihood "), lines.getLast());
    assertEquals(2, CommandLineRun.of("score", "--text", file(TEXT)).done().lines().count());
  }

  @Test
  void whatCannotBeScoredIsRefused() throws IOException {
    CommandLineRun.of("score", "--text", file("")).failed("text.txt", "is empty");
    CommandLineRun.of("score", "--text", file("a")).failed("text: 1 tokens");
    CommandLineRun.of("score", "--text", folder.toString()).failed("not a regular file");
    CommandLineRun.of("score", "--text", folder + "/none").failed("none", "no such file");
    Path bytes = Files.write(folder.resolve("bytes"), new byte[] {65, (byte) 0xff});
    CommandLineRun.of("score", "--text", bytes.toString()).failed("bytes", "not valid UTF-8");
    CommandLineRun.of("score", "--text", file(TEXT), "--stride", "2000").failed("stride: 2000");
  }

  @Test
  void wrongOptionsAreUsage() throws IOException {
    String text = file(TEXT);
    CommandLineRun.of("score").misused("--text");
    CommandLineRun.of("score", "--text", text, "--window", "1").misused("--window: 1");
    CommandLineRun.of("score", "--text", text, "--stride", "0").misused("--stride: 0");
    CommandLineRun.of("score", "--text", text, "--window", "8", "--stride", "9")
        .misused("--stride: 9", "the window, 8");
  }
}
