/**
 * The subset of Jinja that chat templates use, interpreted over plain data.
 *
 * <p>A template is code by a stranger. Values are the kinds of {@link
 * org.graniteffm.runtime.chat.jinja.Value} and nothing else, so that no Java object is ever within
 * its reach; there is no reflection, no include or import, and no file. Steps, text, ranges and
 * depth are limited by a {@link org.graniteffm.runtime.chat.jinja.Budget}. What is not in the
 * subset is refused when the template is read.
 *
 * <p>Rendered is as by transformers: {@code trim_blocks} and {@code lstrip_blocks}, loop controls,
 * {@code generation} blocks, its own {@code tojson}, {@code raise_exception} and {@code
 * strftime_now}. Values follow Python: what is true, how it prints, how strings are sliced. Two
 * differences: {@code safe} does nothing, since nothing is escaped, and filters that are generators
 * in Python give lists.
 *
 * <p>Start with {@link org.graniteffm.runtime.chat.jinja.Template}; the way is {@code Lexer},
 * {@code Parser}, {@code Interpreter}. Nothing about messages or checkpoints belongs here.
 */
package org.graniteffm.runtime.chat.jinja;
