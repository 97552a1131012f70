package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GenerationConfigTest {
  private static final GraniteConfig MODEL =
      GraniteConfig.builder()
          .vocabSize(100)
          .bosTokenId(OptionalInt.of(3))
          .padTokenId(OptionalInt.of(4))
          .eosTokenIds(List.of(5, 6))
          .build();

  @TempDir Path directory;

  private GenerationConfig load(String json) throws Exception {
    Files.writeString(directory.resolve("generation_config.json"), json.replace('\'', '"'));
    return GenerationConfig.load(directory, MODEL);
  }

  @Test
  void defaultsAreThoseOfTransformers() {
    GenerationConfig c = GenerationConfig.builder().build();
    assertFalse(c.doSample());
    assertEquals(1, c.temperature());
    assertEquals(50, c.topK());
    assertEquals(1, c.topP());
    assertEquals(OptionalDouble.empty(), c.minP());
    assertEquals(1, c.repetitionPenalty());
    assertEquals(OptionalInt.empty(), c.maxNewTokens());
    assertEquals(OptionalInt.empty(), c.maxLength());
    assertEquals(1, c.numBeams());
    assertTrue(c.useCache());
    assertEquals(OptionalLong.empty(), c.seed());
    assertEquals(List.of(), c.unsupported());
    assertEquals(20, c.newTokens(5, 2048));
    assertEquals(0, c.leastNewTokens(5));
  }

  @Test
  void missingFileTakesTokenIdsOfTheModel() throws Exception {
    GenerationConfig c = GenerationConfig.load(directory, MODEL);
    assertEquals(OptionalInt.of(3), c.bosTokenId());
    assertEquals(OptionalInt.of(4), c.padTokenId());
    assertEquals(List.of(5, 6), c.eosTokenIds());
  }

  @Test
  void fileWinsOverTokenIdsOfTheModel() throws Exception {
    GenerationConfig c = load("{'eos_token_id':[7,8],'pad_token_id':9,'bos_token_id':null}");
    assertEquals(List.of(7, 8), c.eosTokenIds());
    assertEquals(OptionalInt.of(9), c.padTokenId());
    assertEquals(OptionalInt.of(3), c.bosTokenId());
  }

  @Test
  void allFieldsAreReadAndKeptByToBuilder() throws Exception {
    GenerationConfig c =
        load(
            "{'do_sample':true,'temperature':0.7,'top_k':40,'top_p':0.95,'min_p':0.05,"
                + "'repetition_penalty':1.1,'max_new_tokens':64,'max_length':99,"
                + "'min_new_tokens':3,'min_length':10,'num_beams':4,'stop_strings':['a','b'],"
                + "'use_cache':false,'typical_p':0.5,'guidance_scale':2,'transformers_version':'5.17.0'}");
    assertTrue(c.doSample());
    assertEquals(0.7, c.temperature());
    assertEquals(40, c.topK());
    assertEquals(0.95, c.topP());
    assertEquals(OptionalDouble.of(0.05), c.minP());
    assertEquals(1.1, c.repetitionPenalty());
    assertEquals(OptionalInt.of(64), c.maxNewTokens());
    assertEquals(OptionalInt.of(99), c.maxLength());
    assertEquals(OptionalInt.of(3), c.minNewTokens());
    assertEquals(10, c.minLength());
    assertEquals(4, c.numBeams());
    assertEquals(List.of("a", "b"), c.stopStrings());
    assertFalse(c.useCache());
    assertEquals(0.5, c.typicalP());
    assertEquals(List.of("guidance_scale"), c.unsupported());
    assertEquals(c, c.toBuilder().build());
    assertEquals(c.hashCode(), c.toBuilder().build().hashCode());
    assertEquals(List.of(), c.toBuilder().dropUnsupported().build().unsupported());
    assertEquals(OptionalLong.of(7), c.toBuilder().seed(7).build().seed());
  }

  @Test
  void processorsAndBeamsAreReadAndKeptByToBuilder() throws Exception {
    GenerationConfig c =
        load(
            "{'no_repeat_ngram_size':3,'bad_words_ids':[[1],[2,3]],"
                + "'sequence_bias':[[[4],-1.5],[[5,6],2]],'suppress_tokens':[7,8],"
                + "'begin_suppress_tokens':[9],'forced_bos_token_id':10,"
                + "'forced_eos_token_id':[11,12],'exponential_decay_length_penalty':[5,1.25],"
                + "'renormalize_logits':true,'max_time':2.5,'length_penalty':-1,"
                + "'early_stopping':'never','num_beams':4,'num_return_sequences':3,"
                + "'epsilon_cutoff':0.01,'eta_cutoff':0.02}");
    assertEquals(3, c.noRepeatNgramSize());
    assertEquals(List.of(List.of(1), List.of(2, 3)), c.badWordsIds());
    assertEquals(
        List.of(new SequenceBias(List.of(4), -1.5), new SequenceBias(List.of(5, 6), 2)),
        c.sequenceBias());
    assertEquals(List.of(7, 8), c.suppressTokens());
    assertEquals(List.of(9), c.beginSuppressTokens());
    assertEquals(OptionalInt.of(10), c.forcedBosTokenId());
    assertEquals(List.of(11, 12), c.forcedEosTokenIds());
    assertEquals(Optional.of(new LengthDecay(5, 1.25)), c.exponentialDecayLengthPenalty());
    assertTrue(c.renormalizeLogits());
    assertEquals(OptionalDouble.of(2.5), c.maxTime());
    assertEquals(-1, c.lengthPenalty());
    assertEquals(EarlyStopping.NEVER, c.earlyStopping());
    assertEquals(3, c.numReturnSequences());
    assertEquals(0.01, c.epsilonCutoff());
    assertEquals(0.02, c.etaCutoff());
    assertEquals(List.of(), c.unsupported());
    assertEquals(c, c.toBuilder().build());
    assertEquals(EarlyStopping.TRUE, load("{'early_stopping':true}").earlyStopping());
    assertEquals(EarlyStopping.FALSE, load("{'early_stopping':false}").earlyStopping());
  }

  @Test
  void settingsOfGuessesAreReadAndKeptByToBuilder() throws Exception {
    GenerationConfig none = GenerationConfig.builder().build();
    assertEquals(OptionalInt.empty(), none.promptLookupNumTokens());
    assertEquals(2, none.maxMatchingNgramSize());
    assertEquals(20, none.numAssistantTokens());
    assertEquals(AssistantTokensSchedule.CONSTANT, none.numAssistantTokensSchedule());
    assertEquals(0.4, none.assistantConfidenceThreshold());
    GenerationConfig c =
        load(
            "{'prompt_lookup_num_tokens':10,'max_matching_ngram_size':3,'num_assistant_tokens':5,"
                + "'num_assistant_tokens_schedule':'heuristic',"
                + "'assistant_confidence_threshold':0.25,'output_scores':true,'output_logits':true}");
    assertEquals(OptionalInt.of(10), c.promptLookupNumTokens());
    assertEquals(3, c.maxMatchingNgramSize());
    assertEquals(5, c.numAssistantTokens());
    assertEquals(AssistantTokensSchedule.HEURISTIC, c.numAssistantTokensSchedule());
    assertEquals(0.25, c.assistantConfidenceThreshold());
    assertEquals(c, c.toBuilder().build());
    assertFalse(c.outputScores() || c.outputLogits(), "no file makes results large");
    GenerationConfig scored = c.toBuilder().outputScores(true).outputLogits(true).build();
    assertTrue(scored.toBuilder().build().outputScores());
    assertTrue(scored.toBuilder().build().outputLogits());
  }

  @Test
  void lengthsAreResolvedInOrder() {
    GenerationConfig.Builder b = GenerationConfig.builder();
    assertEquals(4, b.build().newTokens(20, 24), "capped by the context");
    assertEquals(0, b.build().newTokens(30, 24));
    assertEquals(7, b.maxLength(12).build().newTokens(5, 24));
    GenerationConfig full = b.build();
    assertThrows(IllegalArgumentException.class, () -> full.newTokens(12, 24));
    assertEquals(3, b.maxNewTokens(3).build().newTokens(5, 24), "wins over max_length");
    assertEquals(5, GenerationConfig.builder().minLength(10).build().leastNewTokens(5));
    assertEquals(
        6, GenerationConfig.builder().minLength(10).minNewTokens(6).build().leastNewTokens(5));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'num_beam_groups':2",
        "'diversity_penalty':0.5",
        "'penalty_alpha':0.6",
        "'top_h':0.4",
        "'encoder_no_repeat_ngram_size':3",
        "'encoder_repetition_penalty':1.2",
        "'guidance_scale':1.5",
        "'dola_layers':'low'",
        "'force_words_ids':[[1]]",
        "'constraints':[1]",
        "'forced_decoder_ids':[[1,2]]",
        "'remove_invalid_values':true",
        "'token_healing':true",
        "'assistant_early_exit':4",
        "'watermarking_config':{'bias':2.0}",
        "'cache_implementation':'quantized'",
      })
  void whatIsNotImplementedIsNamed(String field) throws Exception {
    String name = field.substring(1, field.indexOf('\'', 1));
    assertEquals(List.of(name), load("{" + field + "}").unsupported());
  }

  @Test
  void neutralValuesAreNoSettings() throws Exception {
    GenerationConfig c =
        load(
            "{'num_beams':1,'num_beam_groups':1,'typical_p':1.0,'epsilon_cutoff':0.0,"
                + "'no_repeat_ngram_size':0,'bad_words_ids':null,'suppress_tokens':[],"
                + "'token_healing':false,'guidance_scale':null,'cache_implementation':'dynamic',"
                + "'length_penalty':2.0,'output_scores':true,'temperature':null,'foo':1}");
    assertEquals(List.of(), c.unsupported());
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '"',
      delimiter = '|',
      value = {
        "temperature|0",
        "temperature|-1",
        "temperature|Infinity",
        "temperature|1e-60",
        "temperature|'1'",
        "top_k|-1",
        "top_k|1.5",
        "top_p|0",
        "top_p|1.01",
        "top_p|NaN",
        "min_p|-0.1",
        "min_p|1.1",
        "repetition_penalty|0",
        "repetition_penalty|1e39",
        "max_new_tokens|0",
        "max_new_tokens|2147483648",
        "max_length|0",
        "min_new_tokens|-1",
        "min_length|-1",
        "num_beams|0",
        "do_sample|1",
        "use_cache|'no'",
        "eos_token_id|100",
        "eos_token_id|-1",
        "pad_token_id|100",
        "bos_token_id|-1",
        "stop_strings|3",
        "stop_strings|['']",
        "typical_p|0",
        "typical_p|1.1",
        "epsilon_cutoff|1",
        "epsilon_cutoff|-0.1",
        "eta_cutoff|1",
        "no_repeat_ngram_size|-1",
        "bad_words_ids|[1]",
        "bad_words_ids|[[]]",
        "bad_words_ids|[[100]]",
        "bad_words_ids|[[1.5]]",
        "bad_words_ids|7",
        "sequence_bias|[[[1]]]",
        "sequence_bias|[[1,2]]",
        "sequence_bias|[[[1],1e39]]",
        "sequence_bias|[[[100],1]]",
        "suppress_tokens|[-1]",
        "suppress_tokens|100",
        "begin_suppress_tokens|100",
        "forced_bos_token_id|100",
        "forced_eos_token_id|[1,100]",
        "exponential_decay_length_penalty|[1]",
        "exponential_decay_length_penalty|[-1,1.1]",
        "exponential_decay_length_penalty|[1.5,1.1]",
        "exponential_decay_length_penalty|[1,0]",
        "renormalize_logits|1",
        "max_time|-1",
        "length_penalty|'x'",
        "early_stopping|'always'",
        "num_return_sequences|0",
        "num_return_sequences|2",
        "prompt_lookup_num_tokens|0",
        "max_matching_ngram_size|0",
        "num_assistant_tokens|0",
        "num_assistant_tokens_schedule|'never'",
        "num_assistant_tokens_schedule|1",
        "assistant_confidence_threshold|1.5",
      })
  void badFieldIsRefusedByName(String field, String value) {
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> load("{'" + field + "':" + value + "}"));
    assertTrue(e.getMessage().contains("generation_config.json: " + field), e.getMessage());
  }

  @Test
  void builderRefusesByName() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> GenerationConfig.builder().temperature(0).build());
    assertEquals("temperature: 0.0 is not a finite number greater than 0", e.getMessage());
    e =
        assertThrows(
            IllegalArgumentException.class,
            () -> GenerationConfig.builder().minNewTokens(5).maxNewTokens(4).build());
    assertTrue(e.getMessage().contains("min_new_tokens"), e.getMessage());
  }
}
