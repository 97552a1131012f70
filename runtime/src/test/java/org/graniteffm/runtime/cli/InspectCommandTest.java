package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.json.JsonReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectCommandTest {
  @TempDir private Path temporary;

  private static JsonNode json(String... args) throws IOException {
    String out = CommandLineRun.of(args).done();
    return JsonReader.parseObject(ByteBuffer.wrap(out.getBytes(StandardCharsets.UTF_8)), "out");
  }

  @Test
  void folderHasConfigCountsAndMemory() throws IOException {
    JsonNode facts = json("inspect", "--json");
    assertEquals(6_372_608, facts.get("parameters").asLong());
    assertEquals(3_276_032, facts.get("active_parameters").asLong());
    assertEquals("granitemoe", facts.get("config").get("model_type").asText());
    assertEquals(0.4, facts.get("config").get("residual_multiplier").asDouble());
    assertEquals(6_372_608, facts.get("dtypes").get("BF16").asLong());
    assertEquals(12_745_216, facts.get("memory_bytes").get("weights_mapped").asLong());
    assertEquals("BF16", facts.get("cache_dtype").asText());
    assertEquals(3_072_000, facts.get("memory_bytes").get("cache_per_1000_tokens").asLong());
    assertEquals("model.safetensors", facts.get("files").get(0).get("name").asText());
  }

  @Test
  void plainTextNamesTheSameThings() {
    String text = CommandLineRun.of("inspect").done();
    for (String part :
        new String[] {"granitemoe", "6372608 (6.37 million)", "12.7 MB", "model.safetensors"}) {
      assertTrue(text.contains(part), text);
    }
  }

  @Test
  void tensorsAreListedByNameTypeAndShape() throws IOException {
    JsonNode tensors = json("inspect", "--tensors", "--json").get("tensors");
    assertEquals(56, tensors.size());
    assertEquals(
        "{\"name\":\"model.embed_tokens.weight\",\"dtype\":\"BF16\",\"shape\":[4096,256]}",
        tensors.get(0).toString());
    String text = CommandLineRun.of("inspect", "--tensors").done();
    assertEquals(56, text.lines().count());
    assertTrue(text.contains("BF16     [4096, 256]        model.embed_tokens.weight"), text);
  }

  @Test
  void needsAreThoseOfTheContextAndBatchAskedFor() throws IOException {
    JsonNode facts = json("inspect", "--json", "--context", "100", "--batch", "3");
    assertEquals(100, facts.get("context_tokens").asLong());
    JsonNode needed = facts.get("needed_bytes");
    assertEquals(3L * 100 * 6 * 2 * 4 * 32 * 2, needed.get("cache").asLong());
    long mapped = needed.get("allocated").asLong();
    assertTrue(mapped > needed.get("cache").asLong() + needed.get("activations").asLong());
    assertEquals(
        facts.get("memory_bytes").get("weights_mapped").asLong(),
        needed.get("allocated_disable_mmap").asLong() - mapped);
    CommandLineRun.of("inspect", "--batch", "0").misused("--batch", "legal are batch 1 to 512");
    CommandLineRun.of("inspect", "--context", "0").misused("--context", "tokens: 0");
  }

  @Test
  void fileMayBeNamed() throws IOException {
    String file = DemoModel.directory().resolve("model.safetensors").toString();
    JsonNode facts = json("inspect", file, "--json");
    assertEquals(56, facts.get("tensors").asInt());
    assertEquals(12_751_600, facts.get("bytes").asLong());
    assertEquals(56, json("inspect", file, "--json", "--tensors").get("tensors").size());
  }

  @Test
  void namesFromFilesAreEscaped() throws IOException {
    String header = "{\"a\\n\\u001b[2J\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    ByteBuffer bytes = ByteBuffer.allocate(8 + header.length() + 1);
    bytes.order(ByteOrder.LITTLE_ENDIAN).putLong(header.length());
    bytes.put(header.getBytes(StandardCharsets.US_ASCII));
    Path file = Files.write(temporary.resolve("x.safetensors"), bytes.array());
    String text = CommandLineRun.of("inspect", file.toString(), "--tensors").done();
    assertEquals(1, text.lines().count());
    assertTrue(text.contains("\"a\\u000a\\u001b[2J\""), text);
  }

  @Test
  void missingPathIsRefused() {
    CommandLineRun.of("inspect", "/no/such").failed("/no/such: no such folder");
  }

  @Test
  void hubIdThatIsNotInTheCacheIsNotFetchedOffline() {
    CommandLineRun.of("inspect", "granite-ffm-test/no-such-model", "--offline")
        .failed("granite-ffm-test/no-such-model: not in the cache", "--offline");
  }

  @Test
  void malformedRevisionIsRefused() {
    CommandLineRun.of("inspect", "granite-ffm-test/no-such-model", "--revision", "../x")
        .misused("--revision: expected a branch, tag or commit, found \"../x\"");
  }

  @Test
  void fileThatIsNoSafetensorsIsRefused() throws IOException {
    Path file = Files.writeString(temporary.resolve("x.safetensors"), "hello");
    CommandLineRun.of("inspect", file.toString()).failed("x.safetensors");
  }

  @Test
  void damagedCheckpointIsRefused() throws IOException {
    Path folder = TestCheckpoints.truncated(temporary.resolve("m"), 5_000_000);
    CommandLineRun.of("inspect", folder.toString()).failed("model.safetensors");
  }

  @Test
  void emptyFolderIsRefused() {
    CommandLineRun.of("inspect", temporary.toString()).failed("no checkpoint");
  }
}
