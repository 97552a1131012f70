package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.graniteffm.runtime.Tiers;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.safetensors.SafetensorsFile;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** That verify succeeds where all is well is no proof of anything unless it fails elsewhere. */
class VerifyCommandTest {
  private static final String CASE = "granite_head_dim";

  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();

  private int verify(Object... args) {
    String[] texts = new String[args.length];
    for (int i = 0; i < args.length; i++) {
      texts[i] = args[i].toString();
    }
    out.getBuffer().setLength(0);
    PrintWriter writer = new PrintWriter(out);
    return new CommandLine(new VerifyCommand()).setOut(writer).setErr(writer).execute(texts);
  }

  private void assertSays(String part) {
    assertTrue(out.toString().contains(part), () -> part + " is not in:\n" + out);
  }

  @Test
  void jsonHasALineForEachRun() throws IOException {
    String good = GoldenFolders.bundled().resolve(CASE).toString();
    String lines = CommandLineRun.of("verify", good, "--precision=f32", "--json").done();
    assertTrue(lines.lines().count() > 1, lines);
    for (String line : lines.lines().toList()) {
      JsonNode run = parse(line);
      assertEquals(CASE, run.get("case").asText());
      assertEquals("ok", run.get("status").asText());
      assertTrue(run.get("reason").isNull());
      for (JsonNode output : run.get("outputs")) {
        assertTrue(output.get("fraction").asDouble() <= 1, line);
        assertTrue(output.get("ok").asBoolean(), line);
      }
    }
    Files.createDirectories(folder.resolve("broken"));
    Files.writeString(folder.resolve("broken/case.json"), "{");
    CommandLineRun broken =
        CommandLineRun.of("verify", folder.resolve("broken").toString(), "--json");
    assertEquals(Main.FAILED, broken.exitCode());
    JsonNode failed = parse(broken.out());
    assertEquals("failed", failed.get("status").asText());
    assertTrue(failed.get("reason").asText().contains("malformed JSON"), broken.out());
    assertTrue(broken.err().startsWith("1 cases, 1 runs: 0 ok"), broken.err());
  }

  private static JsonNode parse(String line) throws IOException {
    return JsonReader.parseObject(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)), "out");
  }

  /** Writes a file again with one tensor changed. */
  private static void damage(Path file, String name, Consumer<Tensor> change) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Map<String, Tensor> tensors =
          new LinkedHashMap<>(SafetensorsFile.open(file, arena).tensors());
      Tensor old = tensors.get(name);
      Tensor copy = Tensor.allocate(arena, old.dtype(), old.shape());
      copy.segment().copyFrom(old.segment());
      change.accept(copy);
      tensors.put(name, copy);
      SafetensorsWriter.write(file, tensors, Map.of());
    }
  }

  private static Consumer<Tensor> setFloat(float value, long index) {
    return t -> t.segment().setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
  }

  @Test
  void untouchedCaseSucceeds() {
    assertEquals(0, verify(GoldenFolders.bundled().resolve(CASE)));
    assertSays("1 cases, 5 runs: 5 ok, 0 missed, 0 unsupported, 0 failed");
  }

  @Test
  void folderOfCasesIsSearched() throws IOException {
    GoldenFolders.copy(CASE, folder);
    GoldenFolders.copy("granite_sharded", folder);
    assertEquals(0, verify(folder, "--precision", "f32"));
    assertSays("2 cases, 6 runs: 6 ok, 0 missed, 0 unsupported, 0 failed");
  }

  @Test
  void oneWrongValueIsAMissNamedWithItsPosition() throws IOException {
    Path copy = GoldenFolders.copy(CASE, folder);
    float[] old = new float[1];
    damage(
        copy.resolve("expected.safetensors"),
        "step_2.logits",
        t -> {
          old[0] = t.getFloat(0, 0, 5);
          t.segment()
              .setAtIndex(ValueLayout.JAVA_FLOAT, 5, old[0] + 1e-3f + Math.abs(old[0]) * 1e-3f);
        });
    assertEquals(1, verify(copy, "--precision=f32"));
    assertSays("granite_head_dim step_2 logits[0, 0, 5]: got ");
    assertSays(", want " + (old[0] + 1e-3f + Math.abs(old[0]) * 1e-3f));
    assertSays("1 cases, 5 runs: 4 ok, 1 missed, 0 unsupported, 0 failed");
  }

  @Test
  void valuesOfTheCacheCountToo() throws IOException {
    Path copy = GoldenFolders.copy(CASE, folder);
    damage(copy.resolve("expected.safetensors"), "prefill.past_value.1", setFloat(77, 3));
    assertEquals(1, verify(copy));
    assertSays("granite_head_dim prefill past_value.1[0, 0, 0, 3]: got ");
  }

  @Test
  void notANumberIsAMiss() throws IOException {
    Path copy = GoldenFolders.copy(CASE, folder);
    damage(copy.resolve("expected.safetensors"), "many.logits", setFloat(Float.NaN, 0));
    assertEquals(1, verify(copy));
    assertSays("granite_head_dim many logits[0, 0, 0]: got ");
    assertSays("want NaN");
  }

  @Test
  void wrongWeightIsAMiss() throws IOException {
    Path copy = GoldenFolders.copy(CASE, folder);
    damage(
        copy.resolve("model.safetensors"),
        "model.layers.1.self_attn.o_proj.weight",
        t -> t.segment().set(ValueLayout.JAVA_SHORT, 10, (short) 0x3fc0)); // 1.5
    assertEquals(1, verify(copy, "--precision=f32"));
    assertSays("MISS");
    assertSays("granite_head_dim step_1 logits[0, 0, ");
  }

  @Test
  void wrongTokenIsAMiss() throws IOException {
    Path copy = GoldenFolders.copy("granite_generate_greedy", folder);
    damage(
        copy.resolve("expected.safetensors"),
        "forty.sequences",
        t -> t.segment().setAtIndex(ValueLayout.JAVA_LONG, t.size(1) - 1, 1L << 40));
    assertEquals(1, verify(copy, "--precision", "auto"));
    assertSays("granite_generate_greedy forty sequences[0, ");
    assertSays("want 1099511627776");
    assertSays("7 ok, 1 missed, 0 unsupported, 0 failed");
  }

  /** A row of this batch has a choice that a cache of bf16 turns. */
  @Test
  void tokensThatRoundingTurnedAreComparedWithoutIt() throws IOException {
    try (Tiers _ = Tiers.use("scalar")) {
      Path greedy = GoldenFolders.bundled().resolve("granite_generate_greedy");
      assertEquals(0, verify(greedy));
      assertSays("all ids equal in float32");
      assertSays("8 ok, 0 missed, 0 unsupported, 0 failed (scalar, bfloat16 tolerances)");
      Path copy = GoldenFolders.copy("granite_generate_greedy", folder);
      damage(
          copy.resolve("expected.safetensors"),
          "batch.sequences",
          t -> t.segment().setAtIndex(ValueLayout.JAVA_LONG, t.size(1) - 1, 1L));
      assertEquals(1, verify(copy));
      assertSays("7 ok, 1 missed, 0 unsupported, 0 failed");
    }
  }

  @Test
  void tolerancesFollowWhatIsRounded() {
    Path bf16 = GoldenFolders.bundled().resolve("granite_gqa_bf16");
    assertEquals(0, verify(bf16));
    assertSays("bfloat16 tolerances");
    assertEquals(0, verify(bf16, "--precision=f32"));
    assertSays(", float32 tolerances");
    assertEquals(0, verify(bf16, "--precision=f32", "--cache-dtype=bfloat16"));
    assertSays("bfloat16 tolerances");
    assertEquals(2, verify(bf16, "--cache-dtype=float16"));
    assertSays("--cache-dtype: 'float16' is not one of auto, bfloat16, float32");
  }

  @Test
  void whatIsNotSupportedIsNoSuccess() throws IOException {
    Path copy = GoldenFolders.copy("granite_generate_greedy", folder);
    Path file = copy.resolve("case.json");
    String text = Files.readString(file);
    Files.writeString(
        file, text.replaceFirst("\"max_new_tokens\": 40", "\"guidance_scale\": 1.5, $0"));
    assertEquals(1, verify(copy));
    assertSays("granite_generate_greedy forty");
    assertSays("unsupported: not supported: guidance_scale");
    assertSays("7 ok, 0 missed, 1 unsupported, 0 failed");
  }

  @Test
  void unknownKindsOptionsInputsAndOutputsAreUnsupported() throws IOException {
    for (String[] change :
        new String[][] {
          {"\"kind\": \"forward\"", "\"kind\": \"backward\"", "kind \"backward\""},
          {"\"use_cache\": true", "\"temper\": 1, \"use_cache\": true", "option \"temper\""},
          {"\"logits\":", "\"conv_state.0\":", "output \"conv_state.0\""},
          {"\"past_key.1\":", "\"past_key.7\":", "output \"past_key.7\""},
          {"\"input_ids\":", "\"pixels\": \"x\", \"input_ids\":", "input \"pixels\""}
        }) {
      Path copy = GoldenFolders.copy(CASE, Files.createTempDirectory(folder, "case"));
      Path file = copy.resolve("case.json");
      Files.writeString(file, Files.readString(file).replaceFirst(change[0], change[1]));
      assertEquals(1, verify(copy));
      assertSays("unsupported: not supported: " + change[2]);
    }
  }

  @Test
  void runsBehindARefusedOneFailAndSayWhy() throws IOException {
    Path copy = GoldenFolders.copy(CASE, folder);
    Path file = copy.resolve("case.json");
    Files.writeString(
        file, Files.readString(file).replaceFirst("\"kind\": \"forward\"", "\"kind\": \"other\""));
    assertEquals(1, verify(copy));
    assertSays("FAILED: continues \"prefill\", which left no cache");
  }

  @Test
  void brokenCaseDoesNotHideTheOthers() throws IOException {
    Path broken = GoldenFolders.copy(CASE, folder);
    Files.writeString(broken.resolve("case.json"), "{\"runs\": [");
    GoldenFolders.copy("granite_sharded", folder);
    assertEquals(1, verify(folder));
    assertSays("FAILED: " + broken.resolve("case.json") + ": malformed JSON");
    assertSays("granite_sharded full");
    assertSays("2 cases, 2 runs: 1 ok, 0 missed, 0 unsupported, 1 failed");
  }

  @Test
  void savedResultsAreTheOutputsOfTheCase() throws IOException {
    Path save = folder.resolve("saved");
    Path expected = GoldenFolders.bundled().resolve(CASE).resolve("expected.safetensors");
    assertEquals(0, verify(GoldenFolders.bundled().resolve(CASE), "--save", save));
    try (Arena arena = Arena.ofConfined()) {
      Map<String, Tensor> got =
          SafetensorsFile.open(save.resolve(CASE).resolve("computed.safetensors"), arena).tensors();
      Map<String, Tensor> want = SafetensorsFile.open(expected, arena).tensors();
      Set<String> outputs = new TreeSet<>(want.keySet());
      outputs.removeIf(name -> name.endsWith(".input_ids"));
      assertEquals(outputs, new TreeSet<>(got.keySet()));
      for (String name : outputs) {
        assertEquals(want.get(name).toString(), got.get(name).toString(), name);
      }
    }
  }

  @Test
  void casesThatWouldShareASavedFileAreWrongUsage() throws IOException {
    Path copy = GoldenFolders.copy(CASE, folder);
    assertEquals(2, verify(copy, GoldenFolders.bundled().resolve(CASE), "--save", folder));
    assertSays("--save: ");
  }

  @Test
  void noCaseIsWrongUsage() {
    assertEquals(2, verify());
  }
}
