package org.graniteffm.runtime.chat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.chat.jinja.Template;
import org.graniteffm.runtime.json.JsonFields;
import org.graniteffm.runtime.json.JsonReader;

/**
 * A checkpoint's own template, which makes one text of a conversation. It is interpreted over plain
 * data within limits of steps, text and depth: a stranger's template can do nothing but render.
 *
 * <p>A message's content is put into the text as it is, as by transformers. Where it holds the name
 * of a special token, the tokenizer reads it as that token.
 */
public final class ChatTemplate {
  private static final String FILE = "chat_template.jinja";
  private static final String JSON_FILE = "chat_template.json";
  private static final String CONFIG = "tokenizer_config.json";
  private static final String FIELD = "chat_template";
  private static final String DEFAULT = "default";
  private static final String TOOL_USE = "tool_use";
  private static final List<String> SPECIAL_TOKENS =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "sep_token",
          "pad_token",
          "cls_token",
          "mask_token");

  private final Map<String, Template> templates; // by name, DEFAULT among them
  private final Map<String, Object> specialTokens;

  private ChatTemplate(Map<String, Template> templates, Map<String, Object> specialTokens) {
    this.templates = templates;
    this.specialTokens = specialTokens;
  }

  /**
   * Loads the template of a checkpoint: {@code chat_template.jinja}, or else {@code chat_template}
   * in {@code tokenizer_config.json} (a text, or named ones of which {@code tool_use} is taken
   * where there are tools, and otherwise {@code default}), or else in {@code chat_template.json}.
   *
   * @param folder the checkpoint's
   * @return the template
   * @throws UnsupportedModelException if there is none, or it uses a part of Jinja that is not
   *     supported; names the part and its line
   * @throws ModelFormatException if a file is malformed
   * @throws IOException if it cannot be read
   */
  public static ChatTemplate load(Path folder) throws IOException {
    Path configFile = folder.resolve(CONFIG);
    JsonFields config = null;
    if (Files.exists(configFile, LinkOption.NOFOLLOW_LINKS)) {
      JsonNode node = JsonReader.readObject(configFile, JsonReader.CONFIG_LIMIT);
      config = new JsonFields(node, Names.path(configFile));
    }
    Map<String, Object> specialTokens = config == null ? Map.of() : specialTokens(config);
    Path file = folder.resolve(FILE);
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      Template template = Template.parse(read(file), Names.path(file));
      return new ChatTemplate(Map.of(DEFAULT, template), specialTokens);
    }
    if (config != null && config.has(FIELD)) {
      return new ChatTemplate(templates(config), specialTokens);
    }
    Path jsonFile = folder.resolve(JSON_FILE);
    if (Files.exists(jsonFile, LinkOption.NOFOLLOW_LINKS)) {
      JsonNode node = JsonReader.readObject(jsonFile, JsonReader.CONFIG_LIMIT);
      JsonFields fields = new JsonFields(node, Names.path(jsonFile));
      if (fields.has(FIELD)) {
        return new ChatTemplate(templates(fields), specialTokens);
      }
    }
    throw new UnsupportedModelException(
        "%s: no chat template, neither %s nor %s in %s: this is no chat model"
            .formatted(Names.path(folder), FILE, FIELD, CONFIG));
  }

  /**
   * Makes a template of text, without special tokens.
   *
   * @param text in Jinja
   * @param source what messages call it
   * @return the template
   * @throws UnsupportedModelException if it uses a part of Jinja that is not supported
   * @throws ModelFormatException if it is malformed
   */
  public static ChatTemplate parse(String text, String source) throws ModelFormatException {
    return new ChatTemplate(Map.of(DEFAULT, Template.parse(text, source)), Map.of());
  }

  private static String read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new ModelFormatException(Names.path(file) + ": not a regular file");
    }
    byte[] bytes;
    try (var in = Files.newInputStream(file)) {
      bytes = in.readNBytes(4 * Template.LONGEST + 1); // four bytes a character at most
    } catch (IOException e) {
      throw FileErrors.at(file, e);
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(ByteBuffer.wrap(bytes))
          .toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(Names.path(file) + ": not valid UTF-8", e);
    }
  }

  private static Map<String, Template> templates(JsonFields fields) throws ModelFormatException {
    String where = fields.where(FIELD);
    JsonNode node = fields.get(FIELD);
    if (node.isTextual()) {
      return Map.of(DEFAULT, Template.parse(node.textValue(), where));
    }
    Map<String, Template> templates = new LinkedHashMap<>();
    for (JsonNode entry : node) {
      JsonNode name = entry.path("name");
      JsonNode text = entry.path("template");
      if (!node.isArray() || !name.isTextual() || !text.isTextual()) {
        throw new ModelFormatException(
            where + ": expected a string, or a list of objects with name and template");
      }
      // other names are for a caller to ask for, of which there is no way here
      if (name.textValue().equals(DEFAULT) || name.textValue().equals(TOOL_USE)) {
        String source = where + "." + name.textValue();
        if (templates.put(name.textValue(), Template.parse(text.textValue(), source)) != null) {
          throw new ModelFormatException(source + ": is there twice");
        }
      }
    }
    if (!templates.containsKey(DEFAULT)) {
      throw new ModelFormatException(
          "%s: expected one by the name %s, found %s"
              .formatted(where, DEFAULT, JsonFields.describe(node)));
    }
    return templates;
  }

  /** Texts, or objects with a content, as in the files of older versions. */
  private static Map<String, Object> specialTokens(JsonFields config) throws ModelFormatException {
    Map<String, Object> tokens = new LinkedHashMap<>();
    for (String name : SPECIAL_TOKENS) {
      if (config.has(name)) {
        tokens.put(name, content(config.get(name), config.where(name)));
      }
    }
    if (config.has("additional_special_tokens")) {
      List<Object> additional = new ArrayList<>();
      for (JsonNode node : config.get("additional_special_tokens")) {
        additional.add(content(node, config.where("additional_special_tokens")));
      }
      tokens.put("additional_special_tokens", additional);
    }
    return tokens;
  }

  private static String content(JsonNode node, String where) throws ModelFormatException {
    JsonNode text = node.isObject() ? node.path("content") : node;
    if (!text.isTextual()) {
      throw new ModelFormatException(
          where + ": expected a string, found " + JsonFields.describe(node));
    }
    return text.textValue();
  }

  /**
   * Makes the text of a conversation. Encode it with {@link
   * org.graniteffm.runtime.tokenizer.Tokenizer#encode}, which adds nothing.
   *
   * @param messages the turns so far, at least one
   * @param options what else the template is given
   * @return the text, by default up to where the assistant's answer begins
   * @throws IllegalArgumentException if the template refuses the messages, or they or an option
   *     hold something other than plain data
   * @throws UnsupportedModelException if the template uses what is not supported
   * @throws ModelFormatException if the template does what has no meaning, or goes over its budget
   */
  public String render(List<Message> messages, ChatOptions options) throws ModelFormatException {
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("messages: there are none");
    }
    Map<String, Object> variables = new LinkedHashMap<>(specialTokens);
    variables.put("messages", messages.stream().map(Message::asData).toList());
    variables.put("tools", options.tools().orElse(null));
    variables.put("documents", options.documents().orElse(null));
    variables.put("add_generation_prompt", options.addGenerationPrompt());
    for (Map.Entry<String, Object> variable : options.variables().entrySet()) {
      if (variables.containsKey(variable.getKey())
          && !specialTokens.containsKey(variable.getKey())) {
        throw new IllegalArgumentException(
            "variables: %s has an option of its own".formatted(Names.quote(variable.getKey())));
      }
      variables.put(variable.getKey(), variable.getValue());
    }
    Template template = templates.get(DEFAULT);
    if (options.tools().isPresent()) {
      template = templates.getOrDefault(TOOL_USE, template);
    }
    return template.render(variables, options.clock());
  }
}
