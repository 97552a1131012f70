/**
 * One benchmark per kernel, with the shapes of published Granite models, and the limits of the
 * machine to compare with.
 *
 * <p>Every benchmark runs on one thread, as a slice of the work does in a model; {@code -t} runs
 * many, each with operands of its own.
 */
package org.graniteffm.bench.kernel;
