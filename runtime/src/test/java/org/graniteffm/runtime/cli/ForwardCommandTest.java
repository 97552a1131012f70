package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.graniteffm.runtime.model.GraniteModel;
import org.graniteffm.runtime.model.SaveOptions;
import org.graniteffm.runtime.safetensors.SafetensorsFile;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ForwardCommandTest {
  private static final float TOLERANCE = 3e-4f;

  @TempDir private Path folder;
  private final Arena arena = Arena.ofShared();
  private final StringWriter err = new StringWriter();

  @AfterEach
  void close() {
    arena.close();
  }

  private Path out() {
    return folder.resolve("out.safetensors");
  }

  private static Path checkpoint(String name) {
    return GoldenFolders.bundled().resolve(name);
  }

  private Map<String, Tensor> expected(String name) throws IOException {
    return SafetensorsFile.open(checkpoint(name).resolve("expected.safetensors"), arena).tensors();
  }

  private int forward(String name, Map<String, Tensor> inputs, String... options)
      throws IOException {
    Path in = folder.resolve("in.safetensors");
    SafetensorsWriter.write(in, inputs, Map.of());
    List<String> args = new ArrayList<>();
    args.add(checkpoint(name).toString());
    args.addAll(List.of("--inputs", in.toString(), "--outputs", out().toString()));
    args.add("--precision=f32"); // as what it is compared with
    args.addAll(List.of(options));
    PrintWriter writer = new PrintWriter(err);
    return new CommandLine(new ForwardCommand())
        .setErr(writer)
        .setExecutionExceptionHandler((e, command, result) -> {
          writer.println(e.getMessage());
          return 1;
        })
        .execute(args.toArray(String[]::new));
  }

  private Map<String, Tensor> results() throws IOException {
    return SafetensorsFile.open(out(), arena).tensors();
  }

  private void assertClose(Tensor want, Tensor got) {
    assertEquals(want.toString(), got.toString());
    assertArrayEquals(want.toFloatArray(), got.toFloatArray(), TOLERANCE);
  }

  @Test
  void allOutputsAreWrittenOnRequest() throws IOException {
    Map<String, Tensor> want = expected("granite_gqa_bf16");
    Map<String, Tensor> inputs = Map.of("input_ids", want.get("full.input_ids"));
    assertEquals(
        0,
        forward(
            "granite_gqa_bf16",
            inputs,
            "--output-hidden-states",
            "--output-attentions",
            "--use-cache"));
    Map<String, Tensor> got = results();
    assertEquals(1 + 4 + 3 + 2 * 3, got.size());
    for (Map.Entry<String, Tensor> entry : got.entrySet()) {
      assertClose(want.get("full." + entry.getKey()), entry.getValue());
    }
  }

  @Test
  void onlyLogitsAreWrittenByDefault() throws IOException {
    Map<String, Tensor> want = expected("granite_gqa_bf16");
    assertEquals(0, forward("granite_gqa_bf16", Map.of("input_ids", want.get("full.input_ids"))));
    assertEquals(Set.of("logits"), results().keySet());
  }

  @Test
  void modelWithoutHeadReturnsItsLastHiddenState() throws IOException {
    Path bare = folder.resolve("bare");
    try (GraniteModel model = GraniteModel.load(checkpoint("granite_gqa_bf16"))) {
      model.save(bare, SaveOptions.defaults());
    }
    Map<String, Tensor> want = expected("granite_gqa_bf16");
    Map<String, Tensor> inputs = Map.of("input_ids", want.get("full.input_ids"));
    assertEquals(0, forward(bare.toString(), inputs));
    assertEquals(Set.of("last_hidden_state"), results().keySet());
    assertClose(want.get("full.hidden_states.3"), results().get("last_hidden_state"));
  }

  @Test
  void cacheInTheInputsIsContinued() throws IOException {
    Map<String, Tensor> want = expected("granite_gqa_bf16");
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("input_ids", want.get("many_after_prefill.input_ids"));
    for (int layer = 0; layer < 3; layer++) {
      inputs.put("past_key." + layer, want.get("prefill.past_key." + layer));
      inputs.put("past_value." + layer, want.get("prefill.past_value." + layer));
    }
    assertEquals(0, forward("granite_gqa_bf16", inputs, "--use-cache"));
    assertClose(want.get("many_after_prefill.logits"), results().get("logits"));
    assertEquals("F32 [1, 2, 17, 16]", results().get("past_value.2").toString());
  }

  @Test
  void cacheOfBfloat16IsWrittenInTheTypeOfAllOutputs() throws IOException {
    Map<String, Tensor> want = expected("granite_gqa_bf16");
    Map<String, Tensor> inputs = Map.of("input_ids", want.get("full.input_ids"));
    assertEquals(0, forward("granite_gqa_bf16", inputs, "--use-cache", "--cache-dtype=bfloat16"));
    Tensor exact = want.get("full.past_value.0");
    Tensor got = results().get("past_value.0");
    assertEquals(exact.toString(), got.toString());
    float[] values = exact.toFloatArray();
    float[] rounded = got.toFloatArray();
    for (int i = 0; i < rounded.length; i++) {
      assertEquals(0, Float.floatToRawIntBits(rounded[i]) & 0xffff);
      assertEquals(values[i], rounded[i], Math.abs(values[i]) / 256 + TOLERANCE);
    }
  }

  @Test
  void lossesAndRouterLogitsAreThoseOfTransformers() throws IOException {
    Map<String, Tensor> want = expected("granitemoe_router_loss");
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    for (String name : List.of("input_ids", "attention_mask", "labels")) {
      inputs.put(name, want.get("padded." + name));
    }
    assertEquals(0, forward("granitemoe_router_loss", inputs, "--output-router-logits"));
    Map<String, Tensor> got = results();
    assertEquals(
        Set.of("logits", "loss", "aux_loss", "router_logits.0", "router_logits.1"), got.keySet());
    assertClose(want.get("padded.loss"), got.get("loss"));
    assertClose(want.get("padded.aux_loss"), got.get("aux_loss"));
  }

  @Test
  void embeddingsAreTaken() throws IOException {
    Map<String, Tensor> want = expected("granite_padding");
    assertEquals(
        0,
        forward(
            "granite_padding",
            Map.of("inputs_embeds", want.get("embeddings.inputs_embeds")),
            "--logits-to-keep",
            "2"));
    Tensor logits = want.get("embeddings.logits");
    Tensor last = logits.slice(1, logits.size(1) - 2, logits.size(1));
    assertArrayEquals(last.toFloatArray(), results().get("logits").toFloatArray(), TOLERANCE);
  }

  @Test
  void whatDoesNotFitIsRefusedAndNothingIsWritten() throws IOException {
    Map<String, Tensor> want = expected("granite_gqa_bf16");
    Tensor ids = want.get("full.input_ids");
    Tensor key = want.get("prefill.past_key.0");
    Tensor logits = want.get("full.logits");
    assertRefused(
        "tensor \"atention_mask\": no such input", "input_ids", ids, "atention_mask", ids);
    assertRefused("tensor \"past_key.03\": no such input", "input_ids", ids, "past_key.03", key);
    assertRefused("tensor \"past_key.3\": no such input", "input_ids", ids, "past_key.3", key);
    assertRefused("tensor \"past_value.0\": is missing", "input_ids", ids, "past_key.0", key);
    assertRefused("found neither", "labels", ids);
    assertRefused("found both", "input_ids", ids, "inputs_embeds", logits);
    assertRefused(
        "tensor \"input_ids\": expected I64 [batch, tokens], found F32", "input_ids", logits);
    assertRefused("inputs_embeds: expected", "inputs_embeds", logits);
    assertRefused("attention_mask", "input_ids", ids, "attention_mask", ids.slice(1, 0, 5));
    Tensor large = Tensor.ofLongs(arena, new long[] {1L << 33}, 1, 1);
    assertRefused("8589934592 at [0, 0] does not fit 32 bits", "input_ids", large);
    assertRefused("token id 5000", "input_ids", Tensor.ofLongs(arena, new long[] {5000}, 1, 1));
  }

  private void assertRefused(String reason, Object... inputs) throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (int i = 0; i < inputs.length; i += 2) {
      tensors.put((String) inputs[i], (Tensor) inputs[i + 1]);
    }
    err.getBuffer().setLength(0);
    assertEquals(1, forward("granite_gqa_bf16", tensors));
    assertTrue(err.toString().contains(reason), () -> reason + " is not in: " + err);
    assertEquals(1, err.toString().lines().count(), err::toString);
    assertFalse(Files.exists(out()));
  }

  @Test
  void denseModelHasNoRouterLogits() throws IOException {
    Tensor ids = expected("granite_gqa_bf16").get("full.input_ids");
    assertEquals(
        1, forward("granite_gqa_bf16", Map.of("input_ids", ids), "--output-router-logits"));
    assertTrue(err.toString().contains("has no experts"), err::toString);
  }

  @Test
  void negativeLogitsToKeepIsWrongUsage() throws IOException {
    Tensor ids = expected("granite_gqa_bf16").get("full.input_ids");
    assertEquals(
        2, forward("granite_gqa_bf16", Map.of("input_ids", ids), "--logits-to-keep", "-1"));
  }
}
