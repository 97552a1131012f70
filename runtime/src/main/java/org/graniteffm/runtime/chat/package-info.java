/**
 * Conversations: messages to a prompt by the checkpoint's own template, and a model's answer to
 * text or tool calls.
 *
 * <pre>{@code
 * ChatTemplate template = ChatTemplate.load(folder);
 * List<Message> messages = new ArrayList<>(List.of(Message.user("What is the time?")));
 * String prompt = template.render(messages, ChatOptions.builder().tools(List.of(clock)).build());
 * String answer = generate(tokenizer.encode(prompt)); // decoded with special tokens
 * switch (Reply.parse(answer)) {
 *   case Reply.Text(String text) -> show(text);
 *   case Reply.ToolCalls(String text, List<ToolCall> calls) -> {
 *     messages.add(Message.assistant(text, calls));
 *     calls.forEach(call -> messages.add(Message.tool(run(call))));
 *   }
 * }
 * }</pre>
 *
 * <p>All types are immutable and may be shared. Generating does not belong here.
 */
package org.graniteffm.runtime.chat;
