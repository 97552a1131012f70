/**
 * JSON from untrusted files. Internal: the module does not export it.
 *
 * <p>{@link org.graniteffm.runtime.json.JsonReader} checks a file's size before it reads, and its
 * text (strict UTF-8, no duplicate keys, bounded depth and number length) while it parses; what
 * comes out is a tree whose fields the caller checks one by one. Whatever is wrong with the text is
 * a {@link org.graniteffm.runtime.ModelFormatException}; no exception of the JSON library passes.
 *
 * <p>Threads: stateless.
 *
 * <pre>{@code
 * JsonNode config = JsonReader.readObject(folder.resolve("config.json"), JsonReader.CONFIG_LIMIT);
 * }</pre>
 *
 * <p>Not here: the headers of safetensors files, which are read token by token where they are used,
 * and the meaning of any field.
 */
package org.graniteffm.runtime.json;
