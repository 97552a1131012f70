/**
 * The command line: {@code granite run}, {@code chat}, {@code generate} and others.
 *
 * <p>Start with {@link org.graniteffm.runtime.cli.Main}, which finds the command, turns exceptions
 * into one line and an exit code, and can be called in-process:
 *
 * <pre>{@code
 * int exitCode = Main.run(new String[] {"inspect", "--json", "checkpoint"}, System.out, System.err);
 * }</pre>
 *
 * <p>Each command is a class of its own that throws what goes wrong and knows nothing of exit codes
 * beyond its own. Data goes to standard output, everything else to standard error.
 *
 * <p>What does not belong here: anything a program that embeds the library could want.
 */
package org.graniteffm.runtime.cli;
