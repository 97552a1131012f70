package org.graniteffm.runtime.config;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.graniteffm.runtime.tensor.DType;

/** Turns a configuration into the text of a {@code config.json} that reads back as an equal one. */
final class ConfigWriter {
  private static final int DEFAULT_BOS = 1;
  private static final int DEFAULT_EOS = 2;

  private ConfigWriter() {}

  static String write(GraniteConfig config, ConfigStyle style, DType dtype) {
    Map<String, Object> fields = new TreeMap<>(config.fields()); // sorted, as transformers does
    List<String> architectures = config.architectures();
    fields.put(
        "architectures",
        architectures.isEmpty() ? List.of(config.classPrefix() + "ForCausalLM") : architectures);
    fields.put("hidden_act", config.hiddenAct().names().getFirst());
    if ((long) config.headDim() * config.numAttentionHeads() == config.hiddenSize()) {
      fields.remove("head_dim"); // the classes do not declare it
    }
    if (config instanceof GraniteMoeConfig) {
      fields.remove("mlp_bias");
    }
    putTokens(fields, config);
    putRope(fields, config.ropeParameters(), style);
    if (dtype != null) {
      fields.put(style == ConfigStyle.TRANSFORMERS_4 ? "torch_dtype" : "dtype", torchName(dtype));
    }
    return json(fields);
  }

  private static String torchName(DType dtype) {
    return switch (dtype) {
      case F32 -> "float32";
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      default -> throw new IllegalArgumentException("dtype: " + dtype + " is no weight type");
    };
  }

  /** Null is no token. Defaults that a small vocabulary does not have can only be left out. */
  private static void putTokens(Map<String, Object> fields, GraniteConfig config) {
    int vocabulary = config.vocabSize();
    if (config.bosTokenId().orElse(0) == DEFAULT_BOS && vocabulary <= DEFAULT_BOS) {
      fields.remove("bos_token_id");
    } else {
      fields.put("bos_token_id", config.bosTokenId().stream().boxed().findFirst().orElse(null));
    }
    fields.put("pad_token_id", config.padTokenId().stream().boxed().findFirst().orElse(null));
    List<Integer> eos = config.eosTokenIds();
    if (eos.equals(List.of(DEFAULT_EOS)) && vocabulary <= DEFAULT_EOS) {
      fields.remove("eos_token_id");
    } else {
      fields.put(
          "eos_token_id", eos.isEmpty() ? null : eos.size() == 1 ? eos.getFirst() : (Object) eos);
    }
  }

  private static void putRope(Map<String, Object> fields, RopeParameters rope, ConfigStyle style) {
    fields.remove("rope_parameters");
    Map<String, Object> scaling = scaling(rope);
    if (style == ConfigStyle.TRANSFORMERS_5) {
      scaling.put("rope_theta", rope.theta());
      fields.put("rope_parameters", scaling);
    } else {
      fields.put("rope_theta", rope.theta());
      fields.put("rope_scaling", rope.type() == RopeType.DEFAULT ? null : scaling);
    }
  }

  private static Map<String, Object> scaling(RopeParameters rope) {
    Map<String, Object> all = new TreeMap<>();
    all.put("rope_type", rope.type().huggingFaceName());
    if (rope.type() != RopeType.DEFAULT) {
      all.put("factor", rope.factor());
    }
    if (rope.originalMaxPositionEmbeddings() != 0) {
      all.put("original_max_position_embeddings", rope.originalMaxPositionEmbeddings());
    }
    putIfPresent(all, "attention_factor", rope.attentionFactor());
    switch (rope.type()) {
      case YARN -> {
        all.put("beta_fast", rope.betaFast());
        all.put("beta_slow", rope.betaSlow());
        putIfPresent(all, "mscale", rope.mscale());
        putIfPresent(all, "mscale_all_dim", rope.mscaleAllDim());
        all.put("truncate", rope.truncate());
      }
      case LONGROPE -> {
        all.put("short_factor", rope.shortFactor());
        all.put("long_factor", rope.longFactor());
      }
      case LLAMA3 -> {
        all.put("low_freq_factor", rope.lowFreqFactor());
        all.put("high_freq_factor", rope.highFreqFactor());
      }
      case DEFAULT, LINEAR, DYNAMIC -> {}
    }
    return all;
  }

  private static void putIfPresent(Map<String, Object> all, String name, OptionalDouble value) {
    if (value.isPresent()) {
      all.put(name, value.getAsDouble());
    }
  }

  private static String json(Map<String, Object> fields) {
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter(
            Separators.createDefaultInstance()
                .withObjectFieldValueSpacing(Separators.Spacing.AFTER));
    DefaultIndenter lines = new DefaultIndenter("  ", "\n");
    printer.indentObjectsWith(lines);
    printer.indentArraysWith(lines);
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = new JsonFactory().createGenerator(text)) {
      generator.setPrettyPrinter(printer);
      write(generator, fields);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // from a string writer there is none
    }
    return text.append('\n').toString();
  }

  private static void write(JsonGenerator generator, Object value) throws IOException {
    switch (value) {
      case null -> generator.writeNull();
      case Map<?, ?> map -> {
        generator.writeStartObject();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          generator.writeFieldName(String.valueOf(entry.getKey()));
          write(generator, entry.getValue());
        }
        generator.writeEndObject();
      }
      case List<?> values -> {
        generator.writeStartArray();
        for (Object element : values) {
          write(generator, element);
        }
        generator.writeEndArray();
      }
      case Boolean b -> generator.writeBoolean(b);
      case Integer i -> generator.writeNumber(i);
      case Double d -> generator.writeNumber(d);
      default -> generator.writeString(value.toString());
    }
  }
}
