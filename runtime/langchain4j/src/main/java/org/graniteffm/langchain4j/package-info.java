/**
 * LangChain4j's models over a Granite checkpoint in this JVM.
 *
 * <pre>{@code
 * try (GraniteCheckpoint checkpoint = GraniteCheckpoint.open(folder)) {
 *   ChatModel model = GraniteChatModel.builder().checkpoint(checkpoint).temperature(0.0).build();
 *   String answer = model.chat("Tell me a story.");
 * }
 * }</pre>
 *
 * <p>Start from {@link org.graniteffm.langchain4j.GraniteCheckpoint}: it is what is opened and
 * closed. {@link org.graniteffm.langchain4j.GraniteChatModel}, {@link
 * org.graniteffm.langchain4j.GraniteStreamingChatModel} and {@link
 * org.graniteffm.langchain4j.GraniteEmbeddingModel} are made over it, are immutable and have
 * nothing to close. What LangChain4j asks for and is not there is refused, not ignored.
 */
package org.graniteffm.langchain4j;
