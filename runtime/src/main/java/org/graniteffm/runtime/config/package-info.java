/**
 * What {@code config.json} of a checkpoint says, read and checked.
 *
 * <p>Start from {@link org.graniteffm.runtime.config.GraniteConfig#load}, or build one:
 *
 * <pre>{@code
 * GraniteConfig config = GraniteConfig.load(Path.of("granite-3.1-1b-a400m-instruct"));
 * if (config instanceof GraniteMoeConfig moe) {
 *   System.out.println(moe.numLocalExperts() + " experts of width " + moe.intermediateSize());
 * }
 * GraniteConfig small = GraniteConfig.builder().hiddenSize(64).numAttentionHeads(4).build();
 * }</pre>
 *
 * <p>All types are immutable and may be shared between threads. A configuration that exists is
 * consistent in itself; whether the weights fit it is checked where they are loaded. Rotations are
 * not computed here, and the settings of text generation are {@link
 * org.graniteffm.runtime.generate.GenerationConfig}.
 */
package org.graniteffm.runtime.config;
