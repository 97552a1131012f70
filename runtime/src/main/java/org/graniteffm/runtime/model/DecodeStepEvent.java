package org.graniteffm.runtime.model;

import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;

/** A pass that appends to sequences no more tokens than might be guesses. */
@Name("granite.DecodeStep")
@Label("Decode Step")
@Description("A pass that appends a token to each sequence, or up to 16 of which some are guessed")
final class DecodeStepEvent extends PassEvent {}
