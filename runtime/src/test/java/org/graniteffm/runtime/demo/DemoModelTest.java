package org.graniteffm.runtime.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.Tiers;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.ForwardOutput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.Precision;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** The built-in model does what transformers does with it: text in, tokens, text out. */
class DemoModelTest {
  @SuppressWarnings("unused") // by the tests' FieldSource
  private static final List<String> TIERS = Tiers.ALL;

  private static final double NLL_TOLERANCE = 1e-3;

  private static JsonNode reference;
  private static GraniteForCausalLM model;
  private static Tokenizer tokenizer;

  @BeforeAll
  static void load() throws IOException {
    try (InputStream in = DemoModelTest.class.getResourceAsStream("reference.json")) {
      reference = JsonReader.parseObject(ByteBuffer.wrap(in.readAllBytes()), "reference.json");
    }
    // the reference is in single precision
    model = GraniteForCausalLM.load(DemoModel.directory()).withPrecision(Precision.F32);
    tokenizer = Tokenizers.open(DemoModel.directory());
  }

  @AfterAll
  static void close() {
    tokenizer.close();
    model.close();
  }

  private static List<Integer> integers(JsonNode list) {
    List<Integer> values = new ArrayList<>();
    list.forEach(node -> values.add(node.intValue()));
    return values;
  }

  private static int[] array(JsonNode list) {
    return integers(list).stream().mapToInt(Integer::intValue).toArray();
  }

  private static List<Integer> encode(String text) {
    List<Integer> ids = new ArrayList<>();
    for (int id : tokenizer.encode(text)) {
      ids.add(id);
    }
    return ids;
  }

  @Test
  void textsHaveTheReferenceTokens() {
    assertTrue(reference.get("prompts").size() >= 3);
    for (JsonNode prompt : reference.get("prompts")) {
      assertEquals(integers(prompt.get("prompt_ids")), encode(prompt.get("prompt").textValue()));
      assertEquals(
          prompt.get("continuation").textValue(),
          tokenizer.decode(array(prompt.get("continuation_ids")), false));
    }
    for (JsonNode passage : reference.get("passages")) {
      assertEquals(integers(passage.get("ids")), encode(passage.get("text").textValue()));
    }
  }

  @ParameterizedTest
  @FieldSource("TIERS")
  void greedyContinuationsAreThoseOfTransformers(String tier) throws IOException {
    try (Tiers _ = Tiers.use(tier);
        Generator generator = new Generator(model)) {
      GenerationConfig defaults = GenerationConfig.load(DemoModel.directory(), model.config());
      for (JsonNode prompt : reference.get("prompts")) {
        GenerationConfig config =
            defaults.toBuilder()
                .doSample(false)
                .maxNewTokens(prompt.get("generation").get("max_new_tokens").intValue())
                .build();
        assertEquals(
            integers(prompt.get("continuation_ids")),
            generator
                .generate(array(prompt.get("prompt_ids")), config, (row, id) -> true)
                .sequences()
                .get(0)
                .ids());
      }
    }
  }

  @ParameterizedTest
  @FieldSource("TIERS")
  void firstScoresAreThoseOfTransformers(String tier) {
    try (Tiers _ = Tiers.use(tier)) {
      for (JsonNode prompt : reference.get("prompts")) {
        int[] ids = array(prompt.get("prompt_ids"));
        try (ForwardOutput out = model.forward(ForwardInput.ofIds(ids).build())) {
          for (JsonNode best : prompt.get("first_token_top5")) {
            assertEquals(
                best.get("logit").doubleValue(),
                out.logits().getFloat(0, ids.length - 1, best.get("id").intValue()),
                1e-3);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @FieldSource("TIERS")
  void meanNegativeLogLikelihoodsAreThoseOfTransformers(String tier) {
    try (Tiers _ = Tiers.use(tier)) {
      for (JsonNode passage : reference.get("passages")) {
        int[][] ids = {array(passage.get("ids"))};
        try (ForwardOutput out = model.forward(ForwardInput.ofIds(ids).labels(ids).build())) {
          assertEquals(
              passage.get("mean_nll").doubleValue(), out.loss().orElseThrow(), NLL_TOLERANCE);
        }
      }
    }
  }
}
