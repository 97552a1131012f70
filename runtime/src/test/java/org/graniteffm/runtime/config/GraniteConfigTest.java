package org.graniteffm.runtime.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GraniteConfigTest {
  private static final String SMALL =
      "'hidden_size':48,'num_attention_heads':4,'vocab_size':97,'max_position_embeddings':24,"
          + "'bos_token_id':0,'eos_token_id':0";

  /** Parses a config with single quotes for double ones. */
  private static GraniteConfig parse(String json) throws ModelFormatException {
    return GraniteConfig.parse(
        ByteBuffer.wrap(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8)), "test.json");
  }

  private static GraniteConfig dense(String fields) throws ModelFormatException {
    return parse("{'model_type':'granite'," + SMALL + (fields.isEmpty() ? "" : ",") + fields + "}");
  }

  @Test
  void defaultsAreThoseOfTransformers() throws Exception {
    GraniteConfig c = parse("{'model_type':'granite'}");
    assertEquals(32000, c.vocabSize());
    assertEquals(4096, c.hiddenSize());
    assertEquals(11008, c.intermediateSize());
    assertEquals(32, c.numHiddenLayers());
    assertEquals(32, c.numAttentionHeads());
    assertEquals(32, c.numKeyValueHeads());
    assertEquals(128, c.headDim());
    assertEquals(2048, c.maxPositionEmbeddings());
    assertEquals(1e-6f, c.rmsNormEps());
    assertEquals(1f, c.embeddingMultiplier());
    assertEquals(1f, c.residualMultiplier());
    assertEquals(1f, c.attentionMultiplier());
    assertEquals(1f, c.logitsScaling());
    assertEquals(Activation.SILU, c.hiddenAct());
    assertFalse(c.tieWordEmbeddings());
    assertFalse(c.attentionBias());
    assertFalse(c.mlpBias());
    assertEquals(RopeParameters.plain(10000), c.ropeParameters());
    assertEquals(OptionalInt.of(1), c.bosTokenId());
    assertEquals(OptionalInt.empty(), c.padTokenId());
    assertEquals(List.of(2), c.eosTokenIds());
    assertEquals(0.02, c.initializerRange());
    assertEquals(0.0, c.attentionDropout());
    assertTrue(c.useCache());
    assertEquals(List.of(), c.architectures());
    assertEquals("granite", c.modelType());
    assertEquals(c, GraniteConfig.builder().build());
  }

  @Test
  void expertDefaultsAreThoseOfTransformers() throws Exception {
    GraniteMoeConfig c =
        assertInstanceOf(GraniteMoeConfig.class, parse("{'model_type':'granitemoe'}"));
    assertEquals(8, c.numLocalExperts());
    assertEquals(2, c.numExpertsPerTok());
    assertFalse(c.outputRouterLogits());
    assertEquals(0.001, c.routerAuxLossCoef());
    assertEquals(c, GraniteMoeConfig.builder().build());
    assertNotEquals(c, GraniteConfig.builder().build());
  }

  @Test
  void sharedNetworkIsReadInItsOwnFamilyOnly() throws Exception {
    GraniteMoeSharedConfig none =
        assertInstanceOf(GraniteMoeSharedConfig.class, parse("{'model_type':'granitemoeshared'}"));
    assertEquals(0, none.sharedIntermediateSize());
    assertEquals("granitemoeshared", none.modelType());
    assertEquals(none, GraniteMoeSharedConfig.builder().build());
    assertNotEquals(none, GraniteMoeConfig.builder().build());
    GraniteConfig some =
        parse("{'model_type':'granitemoeshared','shared_intermediate_size':52,'hidden_size':64}");
    assertEquals(
        GraniteMoeSharedConfig.builder().hiddenSize(64).sharedIntermediateSize(52).build(), some);
    assertNotEquals(none, some);
    GraniteMoeConfig plain =
        assertInstanceOf(
            GraniteMoeConfig.class,
            parse("{'model_type':'granitemoe','shared_intermediate_size':52}"));
    assertEquals(0, plain.sharedIntermediateSize());
    ModelFormatException e =
        assertThrows(
            ModelFormatException.class,
            () -> parse("{'model_type':'granitemoeshared','shared_intermediate_size':-1}"));
    assertTrue(e.getMessage().contains("shared_intermediate_size: -1"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'model_type':'granite'",
        "'model_type':'granite','head_dim':10,'attention_bias':true,'mlp_bias':true,'pad_token_id':3",
        "'model_type':'granite','rms_norm_eps':1e-5,'attention_multiplier':0.015625,"
            + "'eos_token_id':[0,5,7],'rope_theta':5000000,'hidden_act':'gelu_new'",
        "'model_type':'granite','bos_token_id':null,'eos_token_id':null,'vocab_size':1",
        "'model_type':'granite','vocab_size':1",
        "'model_type':'granite','rope_scaling':{'type':'linear','factor':2.5}",
        "'model_type':'granite','rope_scaling':{'rope_type':'dynamic','factor':2}",
        "'model_type':'granite','max_position_embeddings':96,'rope_parameters':{'rope_type':'yarn',"
            + "'rope_theta':500,'factor':4,'original_max_position_embeddings':24,'beta_fast':8,"
            + "'mscale':0.7,'mscale_all_dim':1.1,'truncate':false,'attention_factor':1.25}",
        "'model_type':'granite','max_position_embeddings':48,'rope_scaling':{'rope_type':'longrope',"
            + "'original_max_position_embeddings':12,'short_factor':[1,1.05,1.1,1.15,1.2,1.25],"
            + "'long_factor':[1,1.6,2.2,2.8,3.4,4]}",
        "'model_type':'granite','rope_scaling':{'rope_type':'llama3','factor':8,"
            + "'high_freq_factor':4,'low_freq_factor':1,'original_max_position_embeddings':23}",
        "'model_type':'granitemoe','num_local_experts':40,'num_experts_per_tok':8,"
            + "'output_router_logits':true,'router_aux_loss_coef':0.01,'tie_word_embeddings':true,"
            + "'attention_dropout':0.1,'use_cache':false",
        "'model_type':'granitemoeshared','shared_intermediate_size':52,'initializer_range':0.1",
      })
  void textReadsBackAsAnEqualConfigInBothSpellings(String fields) throws Exception {
    GraniteConfig config =
        parse(
            "{'hidden_size':48,'num_attention_heads':4,"
                + (fields.contains("max_position") ? "" : "'max_position_embeddings':24,")
                + fields
                + "}");
    for (ConfigStyle style : ConfigStyle.values()) {
      String text = config.toJson(style, DType.BF16);
      assertEquals(config, parse(text), text);
      boolean old = style == ConfigStyle.TRANSFORMERS_4;
      assertEquals(old, text.contains("\n  \"rope_theta\": "), text);
      assertEquals(old, text.contains("\"rope_scaling\": "), text);
      assertEquals(old, text.contains("\"torch_dtype\": \"bfloat16\""), text);
      assertEquals(!old, text.contains("\n  \"dtype\": \"bfloat16\""), text);
      assertEquals(!old, text.contains("\"rope_parameters\": {"), text);
      assertFalse(config.toJson(style, null).contains("dtype"));
      assertTrue(text.contains("ForCausalLM\""), text);
    }
    assertThrows(
        IllegalArgumentException.class, () -> config.toJson(ConfigStyle.TRANSFORMERS_4, DType.I64));
  }

  @ParameterizedTest
  @ValueSource(strings = {"granite", "granitemoe", "granitemoeshared"})
  void builderOfAConfigMakesAnEqualOne(String type) throws Exception {
    GraniteConfig config = parse("{'model_type':'" + type + "'," + SMALL + "}");
    GraniteConfig.Builder<?> builder = config.toBuilder();
    assertEquals(config, builder.build());
    assertEquals(config.getClass(), builder.build().getClass());
    GraniteConfig larger = builder.vocabSize(98).numAttentionHeads(2).build();
    assertEquals(98, larger.vocabSize());
    assertEquals(24, larger.headDim(), "derived anew");
    assertEquals(2, larger.numKeyValueHeads(), "derived anew");
    assertEquals(97, config.vocabSize());
    builder.hiddenSize(96);
    assertEquals(48, larger.hiddenSize(), "a builder that goes on changes nothing built");
    assertThrows(IllegalArgumentException.class, () -> config.toBuilder().vocabSize(0).build());
  }

  @Test
  void architecturesAreKept() throws Exception {
    GraniteConfig config = dense("'architectures':['GraniteModel']");
    assertEquals(List.of("GraniteModel"), config.architectures());
    assertEquals(dense(""), config, "no part of what a model is");
    for (ConfigStyle style : ConfigStyle.values()) {
      assertEquals(config.architectures(), parse(config.toJson(style, DType.F32)).architectures());
      assertEquals(
          List.of("GraniteForCausalLM"), parse(dense("").toJson(style, DType.F32)).architectures());
    }
    assertThrows(ModelFormatException.class, () -> dense("'architectures':[3]"));
  }

  @Test
  void demoModelLoads() throws Exception {
    Path directory =
        Path.of(
                GraniteConfigTest.class
                    .getResource("/org/graniteffm/runtime/demo/config.json")
                    .toURI())
            .getParent();
    GraniteMoeConfig c = assertInstanceOf(GraniteMoeConfig.class, GraniteConfig.load(directory));
    assertEquals(4096, c.vocabSize());
    assertEquals(256, c.hiddenSize());
    assertEquals(112, c.intermediateSize());
    assertEquals(32, c.headDim());
    assertEquals(0.03125f, c.attentionMultiplier());
    assertEquals(List.of(0), c.eosTokenIds());
    assertTrue(c.tieWordEmbeddings());
  }

  @ParameterizedTest
  @CsvSource({
    // H, L, n, g, d, I, V, context, theta, eps, m_emb, m_att, m_res, m_log
    "2304,40,36,36,64,9216,49152,4096,1e4,1e-5,12,0.015625,0.22,8",
    "2048,40,32,8,64,8192,49155,4096,1e4,1e-5,12,0.015625,0.22,8",
    "4096,40,32,8,128,12800,49159,131072,1e7,1e-5,12,0.0078125,0.22,16",
    "1024,28,16,4,64,2048,100352,32768,1e7,1e-5,12,0.015625,0.263,4",
    "2048,40,16,4,128,4096,100352,131072,1e4,1e-5,12,0.0078125,0.22,8",
    "2560,40,40,8,64,8192,100352,131072,1e7,1e-5,12,0.015625,0.22,10",
    "4096,64,32,8,128,32768,100352,131072,5e7,1e-5,1,0.015625,1,1",
  })
  void publishedDenseShapesLoad(
      int h,
      int l,
      int n,
      int g,
      int d,
      int i,
      int v,
      int context,
      double theta,
      double eps,
      double emb,
      double att,
      double res,
      double log)
      throws Exception {
    GraniteConfig c =
        parse(
            ("{'model_type':'granite','hidden_size':%d,'num_hidden_layers':%d,"
                    + "'num_attention_heads':%d,'num_key_value_heads':%d,'intermediate_size':%d,"
                    + "'vocab_size':%d,'max_position_embeddings':%d,'rope_theta':%s,"
                    + "'rms_norm_eps':%s,'embedding_multiplier':%s,'attention_multiplier':%s,"
                    + "'residual_multiplier':%s,'logits_scaling':%s,'rope_scaling':null,"
                    + "'bos_token_id':0,'eos_token_id':0,'pad_token_id':0,'use_cache':true,"
                    + "'torch_dtype':'bfloat16','activation_function':'swiglu'}")
                .formatted(h, l, n, g, i, v, context, theta, eps, emb, att, res, log));
    assertEquals(d, c.headDim());
    assertEquals(l, c.numHiddenLayers());
    assertEquals(g, c.numKeyValueHeads());
    assertEquals(theta, c.ropeParameters().theta());
    assertEquals((float) att, c.attentionMultiplier());
    assertEquals((float) log, c.logitsScaling());
  }

  @ParameterizedTest
  @CsvSource({"1536,32,24,40", "1024,24,16,32"})
  void publishedExpertShapesLoad(int h, int l, int n, int experts) throws Exception {
    GraniteMoeConfig c =
        assertInstanceOf(
            GraniteMoeConfig.class,
            parse(
                ("{'model_type':'granitemoe','hidden_size':%d,'num_hidden_layers':%d,"
                        + "'num_attention_heads':%d,'num_key_value_heads':8,"
                        + "'intermediate_size':512,'num_local_experts':%d,"
                        + "'num_experts_per_tok':8,'vocab_size':49155}")
                    .formatted(h, l, n, experts)));
    assertEquals(64, c.headDim());
    assertEquals(experts, c.numLocalExperts());
    assertEquals(8, c.numExpertsPerTok());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'rope_theta':500 | 'rope_parameters':{'rope_theta':500,'rope_type':'default'}",
        "'rope_scaling':null | 'rope_parameters':null",
        "'rope_scaling':{} | 'rope_parameters':{}",
        "'rope_scaling':{'type':'linear','factor':2} |"
            + " 'rope_parameters':{'rope_type':'linear','rope_theta':10000.0,'factor':2.0}",
        "'rope_scaling':{'type':'yarn','factor':8} |"
            + " 'rope_parameters':{'rope_type':'yarn','factor':8.0,"
            + "'original_max_position_embeddings':24,'mscale':0}",
        // rope_scaling wins; rope_type wins over type; the inner theta wins
        "'rope_theta':7,'rope_parameters':{'rope_type':'linear','factor':9},"
            + "'rope_scaling':{'rope_type':'dynamic','type':'linear','factor':3,'rope_theta':8} |"
            + " 'rope_parameters':{'rope_type':'dynamic','factor':3,'rope_theta':8}",
        // an outer original length wins
        "'original_max_position_embeddings':12,'rope_scaling':{'type':'longrope',"
            + "'original_max_position_embeddings':6,'short_factor':[1,1,1,1,1,1],"
            + "'long_factor':[2,2,2,2,2,2]} |"
            + " 'rope_parameters':{'rope_type':'longrope','factor':2.0,"
            + "'original_max_position_embeddings':12,'short_factor':[1,1,1,1,1,1],"
            + "'long_factor':[2,2,2,2,2,2]}",
        "'eos_token_id':0 | 'eos_token_id':[0]",
      },
      quoteCharacter = '"')
  void spellingsOfTheSameAreEqual(String one, String other) throws Exception {
    String base =
        "{'model_type':'granite','hidden_size':48,'num_attention_heads':4,'vocab_size':97,"
            + "'max_position_embeddings':24,";
    GraniteConfig a = parse(base + one + "}");
    GraniteConfig b = parse(base + other + "}");
    assertEquals(a, b);
    assertEquals(a.hashCode(), b.hashCode());
    assertEquals(a.toString(), b.toString());
  }

  @Test
  void ropeParametersAreRead() throws Exception {
    RopeParameters yarn =
        dense(
                "'rope_theta':1000,'rope_scaling':{'rope_type':'yarn','factor':2,"
                    + "'original_max_position_embeddings':12,'attention_factor':1.25,"
                    + "'beta_fast':4,'beta_slow':0.5,'mscale':0.7,'mscale_all_dim':1.1,"
                    + "'truncate':false}")
            .ropeParameters();
    assertEquals(RopeType.YARN, yarn.type());
    assertEquals(1000, yarn.theta());
    assertEquals(2, yarn.factor());
    assertEquals(12, yarn.originalMaxPositionEmbeddings());
    assertEquals(OptionalDouble.of(1.25), yarn.attentionFactor());
    assertEquals(4, yarn.betaFast());
    assertEquals(0.5, yarn.betaSlow());
    assertEquals(OptionalDouble.of(0.7), yarn.mscale());
    assertEquals(OptionalDouble.of(1.1), yarn.mscaleAllDim());
    assertFalse(yarn.truncate());
    RopeParameters llama3 =
        dense(
                "'rope_scaling':{'rope_type':'llama3','factor':8,"
                    + "'original_max_position_embeddings':23,'low_freq_factor':1,"
                    + "'high_freq_factor':4}")
            .ropeParameters();
    assertEquals(1, llama3.lowFreqFactor());
    assertEquals(4, llama3.highFreqFactor());
    assertEquals(23, llama3.originalMaxPositionEmbeddings());
  }

  @ParameterizedTest
  @CsvSource({
    "silu,SILU",
    "swish,SILU",
    "gelu,GELU",
    "gelu_new,GELU_TANH",
    "gelu_fast,GELU_TANH",
    "gelu_pytorch_tanh,GELU_TANH",
    "quick_gelu,QUICK_GELU",
    "relu,RELU",
    "relu2,RELU2"
  })
  void activationNamesAreKnown(String name, Activation expected) throws Exception {
    assertEquals(expected, dense("'hidden_act':'" + name + "'").hiddenAct());
  }

  @Test
  void explicitNullTokensAreNone() throws Exception {
    GraniteConfig c =
        parse(
            "{'model_type':'granite','bos_token_id':null,'eos_token_id':null,"
                + "'pad_token_id':null}");
    assertEquals(OptionalInt.empty(), c.bosTokenId());
    assertEquals(List.of(), c.eosTokenIds());
  }

  @Test
  void headDimIsHonoured() throws Exception {
    assertEquals(20, dense("'head_dim':20").headDim());
    assertEquals(12, dense("'head_dim':null").headDim());
  }

  @Test
  void unknownFieldsAreIgnored() throws Exception {
    assertEquals(dense(""), dense("'time_step_limit':[0,Infinity],'foo':{'bar':[]}"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "vocab_size | 0",
        "vocab_size | 4294967297",
        "vocab_size | 1.5",
        "vocab_size | 1e3",
        "vocab_size | '97'",
        "vocab_size | null",
        "vocab_size | true",
        "hidden_size | -48",
        "hidden_size | 1048580",
        "hidden_size | 50",
        "hidden_size | NaN",
        "intermediate_size | 0",
        "num_hidden_layers | 0",
        "num_hidden_layers | 10001",
        "num_attention_heads | 0",
        "num_attention_heads | 16",
        "num_key_value_heads | 3",
        "num_key_value_heads | 0",
        "num_key_value_heads | 8",
        "head_dim | 0",
        "head_dim | 13",
        "head_dim | 65538",
        "max_position_embeddings | 0",
        "max_position_embeddings | []",
        "rms_norm_eps | -1e-5",
        "rms_norm_eps | NaN",
        "rms_norm_eps | null",
        "embedding_multiplier | Infinity",
        "embedding_multiplier | 1e39",
        "residual_multiplier | 1e999",
        "attention_multiplier | 'x'",
        "logits_scaling | 0",
        "logits_scaling | 1e-60",
        "tie_word_embeddings | 1",
        "attention_bias | 'true'",
        "mlp_bias | null",
        "hidden_act | 3",
        "hidden_act | null",
        "bos_token_id | 97",
        "bos_token_id | 0.0",
        "eos_token_id | [1,-1]",
        "eos_token_id | [[1]]",
        "eos_token_id | 'x'",
        "pad_token_id | -1",
        "pad_token_id | 97",
        "initializer_range | -1",
        "rope_theta | 0",
        "rope_theta | -Infinity",
        "rope_scaling | 'linear'",
        "rope_parameters | []",
        "factor | rope {'type':'linear'}",
        "factor | rope {'type':'linear','factor':0.5}",
        "factor | rope {'type':'dynamic'}",
        "factor | rope {'type':'yarn','factor':4,'original_max_position_embeddings':12}",
        "rope_theta | rope {'type':'yarn','factor':2,'rope_theta':1}",
        "beta_fast | rope {'type':'yarn','factor':2,'beta_fast':0.5}",
        "beta_slow | rope {'type':'yarn','factor':2,'beta_slow':0}",
        "mscale | rope {'type':'yarn','factor':2,'mscale':-1}",
        "attention_factor | rope {'type':'yarn','factor':2,'attention_factor':0}",
        "truncate | rope {'type':'yarn','factor':2,'truncate':0}",
        "short_factor | rope {'type':'longrope','factor':2}",
        "short_factor | rope {'type':'longrope','factor':2,'short_factor':[1],'long_factor':[1]}",
        "long_factor | rope {'type':'longrope','factor':2,'short_factor':[1,1,1,1,1,1],"
            + "'long_factor':[1,1,1,1,1,0]}",
        "short_factor | rope {'type':'longrope','factor':2,'short_factor':[1,1,1,1,1,'x'],"
            + "'long_factor':[1,1,1,1,1,1]}",
        "original_max_position_embeddings | rope {'type':'longrope','factor':2,"
            + "'original_max_position_embeddings':1,"
            + "'short_factor':[1,1,1,1,1,1],'long_factor':[1,1,1,1,1,1]}",
        "original_max_position_embeddings | rope {'type':'llama3','factor':2,"
            + "'low_freq_factor':1,'high_freq_factor':4}",
        "high_freq_factor | rope {'type':'llama3','factor':2,'low_freq_factor':4,"
            + "'original_max_position_embeddings':12,'high_freq_factor':4}",
        "low_freq_factor | rope {'type':'llama3','factor':2,'high_freq_factor':4,"
            + "'original_max_position_embeddings':12}",
        "original_max_position_embeddings | rope {'type':'yarn','factor':2,"
            + "'original_max_position_embeddings':0}",
      })
  void badFieldIsRefusedByName(String field, String value) throws Exception {
    String others = SMALL.replaceAll("'" + field + "':[^,]*,?", "").replaceAll(",$", "");
    String fields =
        value.startsWith("rope ")
            ? "'rope_scaling':" + value.substring(5)
            : "'" + field + "':" + value;
    String json = "{'model_type':'granite'," + others + "," + fields + "}";
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> parse(json));
    assertFalse(e instanceof UnsupportedModelException, e.getMessage());
    assertTrue(e.getMessage().startsWith("test.json: "), e.getMessage());
    assertTrue(e.getMessage().contains(field), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  @ParameterizedTest
  @CsvSource({
    "num_local_experts,0",
    "num_local_experts,65537",
    "num_experts_per_tok,0",
    "num_experts_per_tok,9",
    "router_aux_loss_coef,-1",
    "router_aux_loss_coef,NaN",
    "output_router_logits,0",
    "mlp_bias,true",
  })
  void badExpertFieldIsRefusedByName(String field, String value) {
    ModelFormatException e =
        assertThrows(
            ModelFormatException.class,
            () -> parse("{'model_type':'granitemoe','" + field + "':" + value + "}"));
    assertTrue(e.getMessage().startsWith("test.json: " + field), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'quantization_config':{'bits':4}",
        "'compression_config':{}",
        "'is_encoder_decoder':true",
        "'hidden_act':'mish'",
        "'rope_scaling':{'rope_type':'proportional','factor':2}",
        "'rope_scaling':{'type':'su','factor':2}",
        "'rope_parameters':{'full_attention':{'rope_type':'default'}}",
        "'pruned_heads':{'0':[1]}",
        "'partial_rotary_factor':0.5,'rope_scaling':{'rope_type':'linear','factor':2}",
        "'rope_scaling':{'rope_type':'linear','factor':2,'partial_rotary_factor':0.5}",
      })
  void whatIsNotSupportedIsRefusedByName(String fields) {
    UnsupportedModelException e =
        assertThrows(UnsupportedModelException.class, () -> dense(fields));
    assertTrue(e.getMessage().startsWith("test.json: "), e.getMessage());
    assertTrue(e.getMessage().contains("support"), e.getMessage());
  }

  @Test
  void plainRopeIgnoresPartialRotaryFactor() throws Exception {
    assertEquals(dense(""), dense("'partial_rotary_factor':0.5"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama", "granitemoehybrid", "granite_swa", "", "Granite"})
  void otherArchitecturesAreRefused(String type) {
    UnsupportedModelException e =
        assertThrows(UnsupportedModelException.class, () -> parse("{'model_type':'" + type + "'}"));
    assertTrue(
        e.getMessage().contains("only granite, granitemoe and granitemoeshared"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{}",
        "{'model_type':null}",
        "{'model_type':1}",
        "{'model_type':'granite','vocab_size':5,'vocab_size':5}",
        "{'model_type':'granite'} x",
      })
  void malformedFileIsRefused(String json) {
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> parse(json));
    assertTrue(e.getMessage().startsWith("test.json: "), e.getMessage());
  }

  @Test
  void missingFileIsNamed(@TempDir Path directory) throws Exception {
    assertThrows(NoSuchFileException.class, () -> GraniteConfig.load(directory));
    Path file = Files.writeString(directory.resolve("file"), "{}");
    NotDirectoryException e =
        assertThrows(NotDirectoryException.class, () -> GraniteConfig.load(file));
    assertEquals(file.toString(), e.getMessage());
    Files.createDirectory(directory.resolve("config.json"));
    assertThrows(ModelFormatException.class, () -> GraniteConfig.load(directory));
  }

  @Test
  void builderRefusesByName() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> GraniteConfig.builder().numAttentionHeads(12).numKeyValueHeads(5).build());
    assertEquals(
        "num_attention_heads: 12 is not a multiple of num_key_value_heads, 5", e.getMessage());
    e =
        assertThrows(
            IllegalArgumentException.class,
            () -> GraniteConfig.builder().vocabSize(0).hiddenSize(64).build());
    assertEquals("vocab_size: 0 is outside 1 to 2147483647", e.getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () -> RopeParameters.builder(RopeType.LINEAR).factor(Double.NaN).build(24));
  }
}
