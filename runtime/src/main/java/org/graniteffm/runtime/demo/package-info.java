/**
 * The built-in demo model: a small mixture of experts that writes fairy tales, so that whoever has
 * this library has a model to try it with.
 *
 * <p>{@link org.graniteffm.runtime.demo.DemoModel#directory} is a checkpoint folder like any other:
 *
 * <pre>{@code
 * GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory());
 * }</pre>
 *
 * <p>README.md beside the weights says how they were made. What does not belong here: code that
 * treats this model in a special way.
 */
package org.graniteffm.runtime.demo;
