package org.graniteffm.runtime.generate;

/**
 * A token that was chosen.
 *
 * @param sequence which of the sequences, from 0; those of one prompt are neighbours
 * @param id the token, end tokens included
 */
public record GeneratedToken(int sequence, int id) {}
