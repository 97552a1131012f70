/**
 * Checkpoints by the name they have on the Hugging Face hub.
 *
 * <p>Start with {@link org.graniteffm.runtime.hub.HubClient}. It shares its cache with Python's
 * huggingface_hub: what one has fetched, the other finds.
 *
 * <pre>{@code
 * Path folder = HubClient.fromEnvironment().resolve("ibm-granite/granite-3.3-2b-instruct", "main");
 * try (GraniteForCausalLM model = GraniteForCausalLM.load(folder)) {
 *   // …
 * }
 * }</pre>
 *
 * <p>The hub, and whoever publishes there, is a stranger: files are asked for by names that are
 * known beforehand, their sizes are limited by what was declared, nothing is written outside the
 * cache, and nothing gets its name there before its checksum fits. The token is sent to the hub's
 * own address only.
 *
 * <p>Threads: a client may be used by any. A download has threads and connections of its own, which
 * end with the call.
 *
 * <p>Not here: what is in the files, and uploads.
 */
package org.graniteffm.runtime.hub;
