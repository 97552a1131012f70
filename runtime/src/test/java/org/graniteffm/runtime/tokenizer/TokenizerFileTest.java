package org.graniteffm.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Damages the demo model's tokenizer.json, one place at a time. */
class TokenizerFileTest {
  private static final String PRE_TOKENIZER =
      "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
          + "\"trim_offsets\":true,\"use_regex\":true}";

  private static String demo;

  @BeforeAll
  static void read() throws Exception {
    try (var in =
        TokenizerFileTest.class.getResourceAsStream(
            "/org/graniteffm/runtime/demo/tokenizer.json")) {
      // without the blanks between tokens
      demo =
          new String(in.readAllBytes(), StandardCharsets.UTF_8)
              .replaceAll("\n *", "")
              .replace("\": ", "\":");
    }
  }

  private static Tokenizer open(String json) throws Exception {
    return DjlTokenizer.open(
        TokenizerFile.parse(json.getBytes(StandardCharsets.UTF_8), "test.json"));
  }

  private static String damage(String from, String to) {
    String old = from.replace('\'', '"');
    assertTrue(demo.contains(old), "not in the file: " + old);
    return demo.replace(old, to.replace('\'', '"'));
  }

  @ParameterizedTest
  @ValueSource(strings = {"normalizer", "padding", "unheard_of"})
  void partsBesideTheTablesAreBounded(String field) {
    String many = "[" + "{},".repeat(10_000) + "{}]";
    String json = "{\"" + field + "\":{\"type\":\"Sequence\",\"normalizers\":" + many + "}}";
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> open(json));
    assertTrue(e.getMessage().contains(field), e::getMessage);
    assertTrue(e.getMessage().contains("more than 10000 values"), e::getMessage);
  }

  @Test
  void compactCopyOpens() throws Exception {
    try (Tokenizer tokenizer = open(demo)) {
      assertEquals(4096, tokenizer.vocabSize());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '^',
      value = {
        "'!':3, ~ '!':-3, ~ model.vocab",
        "'!':3, ~ '!':4, ~ model.vocab",
        "'!':3, ~ '!':3.0, ~ model.vocab",
        "'!':3, ~ '!':'3', ~ model.vocab",
        "'!':3, ~ '!':16777216, ~ model.vocab",
        "'!':3, ~ '!':99999999999, ~ model.vocab",
        "'!':3, ~ '!':null, ~ model.vocab",
        "'!':3, ~ '!':[3], ~ model.vocab",
        "'!':3, ~ '!!!!!':3, ~ model.vocab",
        "'!':3, ~ '!':3,'!':5000, ~ malformed JSON",
        "'!':3, ~ '!':3,'\\ud800':5000, ~ malformed JSON",
        "'!':3, ~ '!':3,'':5000, ~ model.vocab",
        "'vocab':{ ~ 'vocab':[{ ~ model.vocab",
        "'vocab':{ ~ 'vocabulary':{ ~ model.vocab",
        "'merges':[ ~ 'merges':[3, ~ model.merges",
        "'merges':[ ~ 'merges':[['a'], ~ model.merges",
        "'merges':[ ~ 'merges':[['a','b','c'], ~ model.merges",
        "'merges':[ ~ 'merges':['nonsense-without-blank', ~ refused by the tokenizer library",
        "'merges':[ ~ 'merges':['no-such token', ~ refused by the tokenizer library",
        "'type':'BPE' ~ 'tpye':'BPE' ~ model.type",
        "'id':1, ~ 'id':2, ~ added_tokens",
        "'id':1, ~ 'id':3, ~ added_tokens",
        "'id':1, ~ 'id':5000, ~ added_tokens",
        "'id':1, ~ 'id':-1, ~ added_tokens",
        "'id':1, ~ 'id':1e0, ~ added_tokens",
        "'id':1, ~ ~ added_tokens",
        "'content':'<|start_of_role|>' ~ 'content':'' ~ added_tokens",
        "'content':'<|start_of_role|>' ~ 'content':7 ~ added_tokens",
        "'content':'<|start_of_role|>' ~ 'content':'x-new' ~ added_tokens",
        "'special':true ~ 'special':1 ~ added_tokens",
        "'added_tokens':[ ~ 'added_tokens':[3, ~ added_tokens",
        "'decoder':{ ~ 'decodr':{ ~ decoder",
        "'pre_tokenizer':{ ~ 'pre_tokenizr':{ ~ pre_tokenizer",
        "'normalizer':null ~ 'normalizer':3 ~ normalizer",
        "'version':'1.0' ~ 'version':'2.0' ~ refused by the tokenizer library",
        "'version':'1.0' ~ 'version':-1e400 ~ number out of range",
        "'trim_offsets':false ~ 'trim_offsets':1e400 ~ number out of range",
        "'trim_offsets':false ~ 'trim_offsets':'\\ud800' ~ half of a surrogate pair",
        "'trim_offsets':false ~ '\\udc00x':false ~ surrogate",
        "'version':'1.0' ~ 'version':'\\ude00\\ud83d' ~ half of a surrogate pair",
      })
  void damagedFileIsRefusedByName(String from, String to, String name) {
    String json = damage(from, to == null ? "" : to);
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> open(json));
    assertTrue(e.getMessage().startsWith("test.json: "), e.getMessage());
    assertTrue(e.getMessage().contains(name), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '^',
      value = {
        "'type':'BPE' ~ 'type':'Unigram' ~ model.type",
        "'dropout':null ~ 'dropout':0.1 ~ model.dropout",
        "'end_of_word_suffix':null ~ 'end_of_word_suffix':'</w>' ~ model.end_of_word_suffix",
        "'byte_fallback':false ~ 'byte_fallback':true ~ model.byte_fallback",
        "'continuing_subword_prefix':null ~ 'continuing_subword_prefix':'##' ~"
            + " model.continuing_subword_prefix",
        "'normalizer':null ~ 'normalizer':{'type':'Lowercase'} ~ normalizer",
        "'normalizer':null ~ 'normalizer':{} ~ normalizer",
        "'decoder':{'type':'ByteLevel' ~ 'decoder':{'type':'Metaspace' ~ decoder",
        "'post_processor':{'type':'ByteLevel' ~ 'post_processor':{'type':'TemplateProcessing' ~"
            + " post_processor",
      })
  void whatIsNotSupportedIsRefusedByName(String from, String to, String name) {
    String json = damage(from, to);
    UnsupportedModelException e = assertThrows(UnsupportedModelException.class, () -> open(json));
    assertTrue(e.getMessage().contains(name), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "{'type':'Whitespace'}",
        "{'type':'Digits','individual_digits':true}",
        "{'type':'Split','pattern':{'Regex':'(a+)+$'},'behavior':'Isolated','invert':false}",
        "{'type':'Split','pattern':{'String':' '},'behavior':'Isolated','invert':false}",
        "{'type':'Sequence','pretokenizers':[]}",
        "{'type':'Sequence','pretokenizers':[{'type':'ByteLevel','add_prefix_space':false,"
            + "'trim_offsets':true,'use_regex':true},"
            + "{'type':'Digits','individual_digits':true}]}",
      })
  void otherPreTokenizersAreRefused(String part) {
    String json = damage(PRE_TOKENIZER, "'pre_tokenizer':" + part);
    UnsupportedModelException e = assertThrows(UnsupportedModelException.class, () -> open(json));
    assertTrue(e.getMessage().contains("pre_tokenizer"), e.getMessage());
  }

  @Test
  void digitsOfGraniteThreeAreSplitSingly() throws Exception {
    String sequence =
        "'pre_tokenizer':{'type':'Sequence','pretokenizers':["
            + "{'type':'Digits','individual_digits':true},"
            + "{'type':'ByteLevel','add_prefix_space':false,'trim_offsets':true,"
            + "'use_regex':true}]}";
    try (Tokenizer tokenizer = open(damage(PRE_TOKENIZER, sequence))) {
      assertEquals(4, tokenizer.encode("1900").length);
    }
  }

  @Test
  void digitsOfGraniteFourAreSplitByThrees() throws Exception {
    String regex =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|"
            + " ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+";
    String json =
        demo.replace(
            PRE_TOKENIZER,
            "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
                + "\"pattern\":{\"Regex\":\""
                + regex
                + "\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\","
                + "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}]}");
    try (Tokenizer tokenizer = open(json)) {
      for (String unit : new String[] {" ", "\n", " \n", "a", "1", "'"}) {
        String text = unit.repeat(50_000) + "x";
        assertEquals(text, tokenizer.decode(tokenizer.encode(text), false));
      }
    }
  }

  @Test
  void truncationAndPaddingOfTheFileAreIgnored() throws Exception {
    String json =
        damage(
            "'truncation':null,'padding':null",
            "'truncation':{'direction':'Right','max_length':2,'strategy':'LongestFirst',"
                + "'stride':0},'padding':{'strategy':{'Fixed':9},'direction':'Left',"
                + "'pad_to_multiple_of':null,'pad_id':0,'pad_type_id':0,"
                + "'pad_token':'<|end_of_text|>'}");
    try (Tokenizer tokenizer = open(json)) {
      assertEquals(4, tokenizer.encode("Once upon a time").length);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{}", "null", "{\"model\":", "{\"model\":null}"})
  void malformedFileIsRefused(String json) {
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> open(json));
    assertTrue(e.getMessage().startsWith("test.json: "), e.getMessage());
  }

  @Test
  void moreBehindTheObjectIsRefused() {
    assertThrows(ModelFormatException.class, () -> open(demo + "{}"));
    assertThrows(ModelFormatException.class, () -> open(demo.substring(0, demo.length() - 1)));
  }

  @Test
  void depthIsBounded() {
    String deep = "[".repeat(100_000);
    assertThrows(
        ModelFormatException.class, () -> open(damage("'version':'1.0'", "'version':" + deep)));
  }

  @Test
  void brokenUtf8IsRefused() {
    byte[] bytes = demo.getBytes(StandardCharsets.UTF_8);
    bytes[bytes.length / 2] = (byte) 0xFF;
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> TokenizerFile.parse(bytes, "test.json"));
    assertEquals("test.json: not valid UTF-8", e.getMessage());
  }

  @Test
  void onlyRegularFilesOfLegalSizeAreRead(@TempDir Path directory) throws Exception {
    assertThrows(NoSuchFileException.class, () -> Tokenizers.open(directory));
    Path file = Files.createDirectory(directory.resolve("tokenizer.json"));
    assertThrows(ModelFormatException.class, () -> Tokenizers.open(directory));
    Files.delete(file);
    try (var channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
      channel.write(ByteBuffer.wrap(new byte[1]), 128L << 20);
    }
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> Tokenizers.open(directory));
    assertTrue(e.getMessage().contains("the limit"), e.getMessage());
  }
}
