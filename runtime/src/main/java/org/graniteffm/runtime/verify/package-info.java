/**
 * Internal, behind the command {@code granite verify}: the module does not export it.
 *
 * <p>Proves parity with transformers: runs reference cases and compares, tensor by tensor.
 *
 * <p>A case is a folder that holds a checkpoint, {@code case.json} and {@code
 * expected.safetensors}: see {@link org.graniteffm.runtime.verify.GoldenCase}. {@link
 * org.graniteffm.runtime.verify.Verifier} computes what the case's runs computed and judges it by
 * the case's own tolerances; {@link org.graniteffm.runtime.verify.Tolerance} says how. Nothing is
 * left out in silence: what this library does not do yet is reported as unsupported, which is not a
 * success.
 *
 * <pre>{@code
 * GoldenCase goldenCase = GoldenCase.read(Path.of("golden-case"));
 * Verifier verifier = new Verifier(
 *     folder -> GraniteForCausalLM.load(folder).withPrecision(Precision.F32));
 * for (RunReport report : verifier.verify(goldenCase, null, r -> {})) {
 *   System.out.println(report.line());
 *   report.misses().forEach(System.out::println);
 * }
 * }</pre>
 *
 * <p>A verifier is used by one thread at a time.
 */
package org.graniteffm.runtime.verify;
