/**
 * Whole models on all cores: reading a prompt, and one token after the other.
 *
 * <p>The folder of the checkpoint is the system property {@code granite.bench.model}; without it,
 * the small demo model is measured.
 */
package org.graniteffm.bench.model;
