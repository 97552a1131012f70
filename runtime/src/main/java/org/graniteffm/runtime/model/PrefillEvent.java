package org.graniteffm.runtime.model;

import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;

/** A pass that is no {@link DecodeStepEvent}. */
@Name("granite.Prefill")
@Label("Prefill")
@Description("A pass over whole texts, prompts or long pieces of them")
final class PrefillEvent extends PassEvent {}
