package org.graniteffm.runtime.generate;

/**
 * exponential_decay_length_penalty: makes end tokens likelier the longer the text gets.
 *
 * @param start new tokens from which on it acts
 * @param factor growth per token; above 1 for a shorter text
 */
public record LengthDecay(int start, double factor) {}
