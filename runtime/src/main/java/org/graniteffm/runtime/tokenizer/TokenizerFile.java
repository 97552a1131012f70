package org.graniteffm.runtime.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.RegularFile;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.json.JsonFields;
import org.graniteffm.runtime.json.JsonReader;

/**
 * A {@code tokenizer.json} that was checked part by part. Read as a stream: a tree of a large
 * vocabulary would be many times the file.
 *
 * @param source what messages call the file
 * @param text the file's text
 * @param vocab the model's own tokens and their ids
 * @param added tokens added to them
 */
record TokenizerFile(
    String source, String text, Map<String, Integer> vocab, List<Vocabulary.AddedToken> added) {
  private static final int MOST_TOKENS = 1 << 20;
  private static final int MOST_MERGES = 1 << 22;
  private static final int MOST_ADDED = 1 << 14;
  private static final int LARGEST_ID = (1 << 24) - 1;
  private static final int LONGEST_TOKEN = 1 << 12;

  /** Of a part other than the model's tables: a tree takes many times its text. */
  private static final int MOST_NODES = 10_000;

  private static final String END =
      "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final String WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
  private static final String CASED_WORDS =
      "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";

  /**
   * The expressions that split text into words. A stranger's expression could take forever, or more
   * steps than the native library allows, which ends the process.
   */
  private static final Set<String> SPLITS =
      Set.of(
          // GPT-2
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          // digits in groups of up to three
          WORDS + "|\\p{N}{1,3}" + END,
          CASED_WORDS + "|\\p{N}{1,3}" + END,
          "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}"
              + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
          "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}"
              + "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
          // digits one by one
          WORDS + "|\\p{N}" + END,
          CASED_WORDS + "|\\p{N}" + END,
          "\\p{N}",
          "\\p{N}{1,3}",
          "\\d",
          "\\d{1,3}");

  private static final JsonFactory FACTORY =
      new JsonFactoryBuilder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          // interned or cached names would outlive the file that brought them
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(32)
                  .maxNumberLength(100)
                  .maxNameLength(1 << 16)
                  .maxStringLength(1 << 20)
                  .build())
          .build();

  static TokenizerFile read(Path file) throws IOException {
    long size = RegularFile.look(file).size();
    try {
      return parse(JsonReader.readBytes(file, JsonReader.TOKENIZER_LIMIT), Names.path(file));
    } catch (OutOfMemoryError e) {
      throw new InsufficientMemoryException(Names.path(file) + ": its content", size, e);
    }
  }

  static TokenizerFile parse(byte[] utf8, String source) throws ModelFormatException {
    String text;
    try {
      text =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(ByteBuffer.wrap(utf8))
              .toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(source + ": not valid UTF-8", e);
    }
    try (JsonParser parser = new StrictParser(FACTORY.createParser(text))) {
      return new Reader(parser, source).file(text);
    } catch (ModelFormatException e) {
      throw e;
    } catch (JsonProcessingException e) {
      String where =
          e.getLocation() == null
              ? ""
              : " (line %d, column %d)"
                  .formatted(e.getLocation().getLineNr(), e.getLocation().getColumnNr());
      throw new ModelFormatException(
          source + ": malformed JSON" + where + ": " + Names.quote(e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw new ModelFormatException(source + ": malformed JSON", e);
    }
  }

  /**
   * Refuses what Java reads and the library's parser does not, wherever it stands: numbers beyond a
   * double's range, and halves of a surrogate pair. In a decoder, the library ends the process at
   * them.
   */
  private static final class StrictParser extends JsonParserDelegate {
    StrictParser(JsonParser parser) {
      super(parser);
    }

    @Override
    public JsonToken nextToken() throws IOException {
      JsonToken token = super.nextToken();
      if (token == JsonToken.VALUE_NUMBER_FLOAT && !Double.isFinite(getDoubleValue())) {
        throw new JsonParseException(this, "number out of range");
      }
      if ((token == JsonToken.VALUE_STRING || token == JsonToken.FIELD_NAME) && hasHalfAPair()) {
        throw new JsonParseException(this, "half of a surrogate pair");
      }
      return token;
    }

    private boolean hasHalfAPair() throws IOException {
      char[] text = getTextCharacters();
      int end = getTextOffset() + getTextLength();
      for (int i = getTextOffset(); i < end; i++) {
        if (Character.isSurrogate(text[i])) {
          if (i + 1 == end || !Character.isSurrogatePair(text[i], text[i + 1])) {
            return true;
          }
          i++;
        }
      }
      return false;
    }
  }

  private static final class Reader {
    private final JsonParser parser;
    private final String source;
    private final Map<String, Integer> vocab = new HashMap<>();
    private final Set<Integer> ids = new HashSet<>();
    private final List<Vocabulary.AddedToken> added = new ArrayList<>();
    private final Set<String> seen = new HashSet<>();

    Reader(JsonParser parser, String source) {
      this.parser = parser;
      this.source = source;
    }

    TokenizerFile file(String text) throws IOException {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw bad("", "expected one JSON object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        seen.add(field);
        parser.nextToken();
        switch (field) {
          case "added_tokens" -> addedTokens();
          case "model" -> model();
          case "normalizer" -> normalizer(tree());
          case "pre_tokenizer" -> {
            if (preTokenizer(tree()) != 1) {
              throw unsupported("pre_tokenizer", "none or several ByteLevel", "exactly one");
            }
          }
          case "post_processor" -> postProcessor(tree());
          case "decoder" -> decoder(tree());
          default -> skip(field);
        }
      }
      if (parser.nextToken() != null) {
        throw bad("", "expected one JSON object, more follows");
      }
      for (String field : List.of("model", "pre_tokenizer", "decoder")) {
        if (!seen.contains(field)) {
          throw bad(field, "missing");
        }
      }
      checkAdded();
      return new TokenizerFile(source, text, Map.copyOf(vocab), List.copyOf(added));
    }

    /** The value at the parser's present token. */
    private JsonNode tree() throws IOException {
      String part = parser.currentName();
      JsonNode node = JsonReader.tree(parser, MOST_NODES);
      if (node == null) {
        throw bad(part, "more than " + MOST_NODES + " values");
      }
      if (!node.isNull() && !node.isObject()) {
        throw bad(parser.currentName(), "expected an object");
      }
      return node;
    }

    /** What is not looked at may be long, but not without bounds: its names are remembered. */
    private void skip(String field) throws IOException {
      int depth = 0;
      int count = 0;
      do {
        if (++count > MOST_NODES) {
          throw bad(Names.quote(field), "more than " + MOST_NODES + " values");
        }
        if (parser.currentToken().isStructStart()) {
          depth++;
        } else if (parser.currentToken().isStructEnd()) {
          depth--;
        }
      } while (depth > 0 && parser.nextToken() != null);
    }

    private void model() throws IOException {
      expect(JsonToken.START_OBJECT, "model", "an object");
      Set<String> fields = new HashSet<>();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        fields.add(field);
        JsonToken value = parser.nextToken();
        switch (field) {
          case "type" -> {
            expect(JsonToken.VALUE_STRING, "model.type", "a string");
            if (!parser.getText().equals("BPE")) {
              throw unsupported("model.type", Names.quote(parser.getText()), "BPE");
            }
          }
          case "dropout" -> {
            if (value != JsonToken.VALUE_NULL
                && !(value.isNumeric() && parser.getDoubleValue() == 0)) {
              throw unsupported("model.dropout", "a value", "null");
            }
          }
          case "continuing_subword_prefix", "end_of_word_suffix" -> {
            if (value != JsonToken.VALUE_NULL
                && !(value == JsonToken.VALUE_STRING && parser.getText().isEmpty())) {
              throw unsupported("model." + field, "a value", "null");
            }
          }
          case "byte_fallback" -> {
            if (value != JsonToken.VALUE_NULL && value != JsonToken.VALUE_FALSE) {
              String found = parser.getText();
              throw unsupported(
                  "model.byte_fallback",
                  value == JsonToken.VALUE_STRING ? Names.quote(found) : found,
                  "false");
            }
          }
          case "vocab" -> vocab();
          case "merges" -> merges();
          default -> skip(field);
        }
      }
      for (String field : List.of("type", "vocab", "merges")) {
        if (!fields.contains(field)) {
          throw bad("model." + field, "missing");
        }
      }
    }

    private void vocab() throws IOException {
      expect(JsonToken.START_OBJECT, "model.vocab", "an object");
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String token = parser.currentName();
        parser.nextToken();
        if (vocab.size() == MOST_TOKENS) {
          throw bad("model.vocab", "more than " + MOST_TOKENS + " tokens");
        }
        checkToken("model.vocab", token);
        int id = id(token);
        if (!ids.add(id)) {
          throw bad(
              "model.vocab: " + Names.quote(token), "id " + id + " is that of another token, too");
        }
        vocab.put(token, id);
      }
      for (int b = 0; b < 256; b++) {
        String alphabet = String.valueOf(Vocabulary.character(b));
        if (!vocab.containsKey(alphabet)) {
          throw bad(
              "model.vocab",
              "has no token %s for byte %d, so some text could not be encoded"
                  .formatted(Names.quote(alphabet), b));
        }
      }
    }

    private void merges() throws IOException {
      expect(JsonToken.START_ARRAY, "model.merges", "a list");
      int count = 0;
      for (JsonToken next = parser.nextToken();
          next != JsonToken.END_ARRAY;
          next = parser.nextToken()) {
        if (++count > MOST_MERGES) {
          throw bad("model.merges", "more than " + MOST_MERGES);
        }
        // Whether the parts are tokens is for the library to say: that it does refuse in order.
        if (next == JsonToken.VALUE_STRING) {
          checkToken("model.merges", parser.getText());
        } else if (next == JsonToken.START_ARRAY) {
          for (int part = 0; part < 2; part++) {
            parser.nextToken();
            expect(JsonToken.VALUE_STRING, "model.merges", "two strings");
            checkToken("model.merges", parser.getText());
          }
          parser.nextToken();
          expect(JsonToken.END_ARRAY, "model.merges", "two strings");
        } else {
          throw bad("model.merges", "expected strings or pairs of strings");
        }
      }
    }

    private void addedTokens() throws IOException {
      if (parser.currentToken() == JsonToken.VALUE_NULL) {
        return;
      }
      expect(JsonToken.START_ARRAY, "added_tokens", "a list");
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        expect(JsonToken.START_OBJECT, "added_tokens", "a list of objects");
        if (added.size() == MOST_ADDED) {
          throw bad("added_tokens", "more than " + MOST_ADDED + " tokens");
        }
        JsonNode node = tree();
        JsonFields fields = new JsonFields(node, source + ": added_tokens");
        String content =
            fields.string("content").orElseThrow(() -> bad("added_tokens.content", "missing"));
        checkToken("added_tokens", content);
        int id =
            fields
                .integer("id")
                .orElseThrow(() -> bad("added_tokens: " + Names.quote(content), "id is missing"));
        checkId("added_tokens", content, id);
        for (String flag : List.of("single_word", "lstrip", "rstrip")) {
          fields.bool(flag, false);
        }
        fields.bool("normalized", true);
        added.add(new Vocabulary.AddedToken(id, content, fields.bool("special", false)));
      }
    }

    private void checkAdded() throws ModelFormatException {
      Set<Integer> addedIds = new HashSet<>();
      Set<String> contents = new HashSet<>();
      for (Vocabulary.AddedToken token : added) {
        String where = "added_tokens: " + Names.quote(token.content());
        Integer own = vocab.get(token.content());
        if (own == null ? ids.contains(token.id()) : own != token.id()) {
          throw bad(where, "id " + token.id() + " does not agree with model.vocab");
        }
        if (!addedIds.add(token.id()) || !contents.add(token.content())) {
          throw bad(where, "id " + token.id() + ": id or content is there twice");
        }
      }
    }

    // Called for every token: names are quoted only once something is wrong.
    private void checkToken(String where, String token) throws ModelFormatException {
      if (token.isEmpty() || token.length() > LONGEST_TOKEN) {
        throw bad(
            where,
            "%s: a token of %d characters, legal are 1 to %d"
                .formatted(Names.quote(token), token.length(), LONGEST_TOKEN));
      }
      if (Utf8.unpairedSurrogate(token) >= 0) {
        throw bad(where, Names.quote(token) + ": a token with an unpaired surrogate");
      }
    }

    private int id(String token) throws IOException {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
          || parser.getNumberType() != JsonParser.NumberType.INT) {
        throw bad(
            "model.vocab: " + Names.quote(token),
            "expected an id from 0 to " + LARGEST_ID + ", found " + found());
      }
      int id = parser.getIntValue();
      checkId("model.vocab", token, id);
      return id;
    }

    private String found() throws IOException {
      return switch (parser.currentToken()) {
        case START_OBJECT -> "an object";
        case START_ARRAY -> "a list";
        default -> Names.quote(parser.getText());
      };
    }

    private void checkId(String where, String token, int id) throws ModelFormatException {
      if (id < 0 || id > LARGEST_ID) {
        throw bad(where + ": " + Names.quote(token), "id " + id + " is outside 0 to " + LARGEST_ID);
      }
    }

    private void normalizer(JsonNode node) throws ModelFormatException {
      switch (type(node)) {
        case "null", "NFC", "NFD", "NFKC", "NFKD" -> {}
        case "Sequence" -> {
          for (JsonNode part : parts(node, "normalizer", "normalizers")) {
            normalizer(part);
          }
        }
        default ->
            throw unsupported(
                "normalizer", Names.quote(type(node)), "null, NFC, NFD, NFKC, NFKD, Sequence");
      }
    }

    /** Checks, and counts the parts that turn text into the byte-level alphabet. */
    private int preTokenizer(JsonNode node) throws ModelFormatException {
      return switch (type(node)) {
        case "ByteLevel" -> 1;
        case "Digits" -> 0;
        case "Split" -> {
          JsonNode regex = node.path("pattern").path("Regex");
          if (!regex.isTextual() || !SPLITS.contains(regex.textValue())) {
            throw unsupported(
                "pre_tokenizer.pattern",
                Names.quote(regex.isTextual() ? regex.textValue() : "no Regex"),
                "the expressions of Granite checkpoints and GPT-2");
          }
          yield 0;
        }
        case "Sequence" -> {
          int byteLevel = 0;
          for (JsonNode part : parts(node, "pre_tokenizer", "pretokenizers")) {
            if (byteLevel > 0) {
              throw unsupported("pre_tokenizer", "a part after ByteLevel", "ByteLevel at the end");
            }
            byteLevel += preTokenizer(part);
          }
          yield byteLevel;
        }
        default ->
            throw unsupported(
                "pre_tokenizer", Names.quote(type(node)), "ByteLevel, Digits, Split, Sequence");
      };
    }

    private void postProcessor(JsonNode node) throws ModelFormatException {
      switch (type(node)) {
        case "null", "ByteLevel" -> {}
        case "Sequence" -> {
          for (JsonNode part : parts(node, "post_processor", "processors")) {
            postProcessor(part);
          }
        }
        default ->
            throw unsupported(
                "post_processor", Names.quote(type(node)), "null, ByteLevel, Sequence");
      }
    }

    private void decoder(JsonNode node) throws ModelFormatException {
      if (!type(node).equals("ByteLevel")) {
        throw unsupported("decoder", Names.quote(type(node)), "ByteLevel");
      }
    }

    private static String type(JsonNode node) {
      return node.isNull() ? "null" : node.path("type").asText("no type");
    }

    private JsonNode parts(JsonNode node, String field, String list) throws ModelFormatException {
      JsonNode parts = node.path(list);
      if (!parts.isArray()) {
        throw bad(field + "." + list, "expected a list");
      }
      return parts;
    }

    private void expect(JsonToken token, String where, String what) throws IOException {
      if (parser.currentToken() != token) {
        throw bad(where, "expected " + what);
      }
    }

    private ModelFormatException bad(String where, String what) {
      return new ModelFormatException(source + ": " + (where.isEmpty() ? "" : where + ": ") + what);
    }

    private UnsupportedModelException unsupported(String where, String found, String supported) {
      return new UnsupportedModelException(
          "%s: %s: %s is not supported, only %s".formatted(source, where, found, supported));
    }
  }
}
