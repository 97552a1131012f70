/**
 * Runs IBM Granite language models on CPUs, straight from Hugging Face checkpoint folders.
 *
 * <p>Start with {@link org.graniteffm.runtime.model.GraniteForCausalLM} for forward passes, and
 * with {@link org.graniteffm.runtime.generate.Generator} for text.
 */
module org.graniteffm.runtime {
  requires com.fasterxml.jackson.core;
  requires transitive com.fasterxml.jackson.databind;
  requires transitive org.graniteffm.bindings;
  requires info.picocli;
  requires me.tongfei.progressbar;
  requires static java.logging; // for the program alone: the library has System.Logger
  requires java.management;
  requires java.net.http;
  requires jdk.jfr;
  requires jdk.management;
  requires jdk.unsupported; // sun.misc.Signal, for Ctrl-C
  requires ai.djl.api;
  requires ai.djl.tokenizers;

  exports org.graniteffm.runtime;
  exports org.graniteffm.runtime.chat;
  exports org.graniteffm.runtime.config;
  exports org.graniteffm.runtime.demo;
  exports org.graniteffm.runtime.embed;
  exports org.graniteffm.runtime.generate;
  exports org.graniteffm.runtime.hub;
  exports org.graniteffm.runtime.model;
  exports org.graniteffm.runtime.ops;
  exports org.graniteffm.runtime.safetensors;
  exports org.graniteffm.runtime.score;
  exports org.graniteffm.runtime.tensor;
  exports org.graniteffm.runtime.tokenizer;
  exports org.graniteffm.runtime.cli to
      java.logging;

  opens org.graniteffm.runtime.cli to
      info.picocli;
}
