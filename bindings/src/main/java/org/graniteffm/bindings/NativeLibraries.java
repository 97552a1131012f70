package org.graniteffm.bindings;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.graniteffm.bindings.generated.granite_kernels_h;
import org.graniteffm.bindings.generated.openblas_h;

/**
 * Loads the native libraries, and chooses the kernels' instruction set tier.
 *
 * <p>Each of the two libraries is loaded when something first needs it, once; {@link Kernels} and
 * {@link Blas} do that by themselves. If it fails, every later use fails with the same exception. A
 * library is never replaced by another one in silence:
 *
 * <table>
 * <caption>Where libraries come from</caption>
 * <tr><th>library<th>system property, a file<th>else the resource
 * <tr><td>kernels<td>{@code granite.library.path}
 *     <td>{@code META-INF/native/<platform>/} of granite-native's platform jar
 * <tr><td>OpenBLAS<td>{@code granite.openblas}
 *     <td>{@code org/bytedeco/openblas/<platform>/} of org.bytedeco:openblas's platform jar
 * </table>
 *
 * <p>A resource is copied into a fresh directory that only its owner can write, below {@code
 * java.io.tmpdir}, and deleted when it is loaded. (Profilers can read no symbols from a deleted
 * file: give them a library by its property.) OpenBLAS is some 40 MB, which is why it waits for the
 * first use of {@link Blas}. It is kept to one thread: callers split the work.
 *
 * <p>The kernels have tiers, {@code scalar}, {@code avx2}, {@code avx512} and {@code amx}, each at
 * least as fast as the one before it. The system property {@code granite.isa} names the tier to
 * use, and it is an error if there is no such tier or this CPU lacks it. Else the environment
 * variable {@code GK_MAX_ISA} is the highest tier to use, and it is an error if there is no such
 * tier. Else the best tier is used. Both are read once.
 *
 * <p>What was loaded, and what of this machine cannot be used, is told to the logger {@code
 * org.graniteffm.bindings}. All methods may be called from any thread.
 */
public final class NativeLibraries {
  /** Lowest first, as in dispatch.c. */
  static final List<String> TIERS = List.of("scalar", "avx2", "avx512", "amx");

  private static final String KERNELS_PROPERTY = "granite.library.path";
  private static final String OPENBLAS_PROPERTY = "granite.openblas";
  private static final String ISA_PROPERTY = "granite.isa";
  private static final String ISA_CAP_VARIABLE = "GK_MAX_ISA";

  private static final Logger LOGGER = System.getLogger("org.graniteffm.bindings");

  private NativeLibraries() {}

  /**
   * Loads the kernels, unless that has been done.
   *
   * @throws NativeLibraryException if there is no library for this platform, or it cannot be
   *     loaded, lacks a kernel or is of another version
   * @throws UnsupportedIsaException if {@code granite.isa} or {@code GK_MAX_ISA} asks for a tier
   *     that there is not
   */
  public static void load() {
    // Constants of an initialised class: compiled code checks nothing here.
    if (LoadedKernels.RESULT.failure != null) {
      throw LoadedKernels.RESULT.failure;
    }
  }

  /**
   * Loads the kernels, and links those that passes over bf16 weights call. Others are linked by
   * their first call. As it takes some milliseconds for each, it is for a thread that has nothing
   * else to do, while files are opened.
   *
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static void link() {
    boolean matrixUnit = hasMatrixUnit();
    // in the order of a pass: who calls one meanwhile waits for that one alone
    granite_kernels_h.gk_embed$handle();
    granite_kernels_h.gk_rms_norm_f32$handle();
    granite_kernels_h.gk_gemv_bf16$handle();
    granite_kernels_h.gk_rope_f32$handle();
    granite_kernels_h.gk_narrow$handle();
    granite_kernels_h.gk_attention_f32$handle();
    granite_kernels_h.gk_add_rms_norm_f32$handle();
    granite_kernels_h.gk_silu_mul_f32$handle();
    if (matrixUnit) { // for more than a few tokens
      granite_kernels_h.gk_pack_bf16$handle();
      granite_kernels_h.gk_gemm_bf16$handle();
      granite_kernels_h.gk_attention_bf16$handle();
      granite_kernels_h.gk_silu_mul_gemm_bf16$handle();
    } else {
      granite_kernels_h.gk_gemm_f32$handle();
    }
  }

  /**
   * Loads OpenBLAS, unless that has been done, and keeps it to one thread. This takes long the
   * first time.
   *
   * @throws NativeLibraryException if there is no OpenBLAS for this platform, or it cannot be
   *     loaded, or its integers have 64 bits
   */
  public static void loadOpenblas() {
    if (LoadedOpenblas.RESULT.failure != null) {
      throw LoadedOpenblas.RESULT.failure;
    }
  }

  /**
   * The instruction set tier in use. Loads the kernels.
   *
   * @return {@code "scalar"}, {@code "avx2"}, {@code "avx512"} or {@code "amx"}
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static String activeIsa() {
    load();
    return granite_kernels_h.gk_active_isa().getString(0);
  }

  /**
   * The best instruction set tier that this CPU and the library have. Loads the kernels.
   *
   * @return {@code "scalar"}, {@code "avx2"}, {@code "avx512"} or {@code "amx"}
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static String bestIsa() {
    load();
    return granite_kernels_h.gk_best_isa().getString(0);
  }

  /**
   * Whether the tile unit, and so the tier {@code "amx"}, can be used. Loads the kernels.
   *
   * @return {@code "usable"}, {@code "not in this CPU"}, or {@code "switched off by the operating
   *     system"} or {@code "refused by the operating system"}
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static String amxStatus() {
    load();
    return granite_kernels_h.gk_amx_status().getString(0);
  }

  /**
   * Whether the tier in use multiplies bfloat16 matrices on a unit made for them. Loads the
   * kernels.
   *
   * @return if {@link Kernels#gemmBf16} is faster than other ways to multiply
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static boolean hasMatrixUnit() {
    return activeIsa().equals("amx");
  }

  /**
   * Whether the tier in use computes with vectors. Loads the kernels.
   *
   * @return if {@link Kernels#gemm} is faster than OpenBLAS on weights that are widened for it
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static boolean hasVectorUnit() {
    return !activeIsa().equals("scalar");
  }

  /**
   * The instruction set tiers that this CPU and the library have. Loads the kernels.
   *
   * @return names, lowest tier first; the last is {@link #bestIsa}
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static List<String> availableIsas() {
    return TIERS.subList(0, TIERS.indexOf(bestIsa()) + 1);
  }

  /**
   * Chooses the tier of all kernels, for the whole process. Meant for tests and benchmarks; call it
   * while no kernel runs.
   *
   * @param tier {@code "scalar"}, {@code "avx2"}, {@code "avx512"} or {@code "amx"}
   * @throws UnsupportedIsaException if there is no such tier or this CPU lacks it; nothing changes
   *     then
   * @throws NativeLibraryException as {@link #load}
   */
  public static void selectIsa(String tier) {
    Objects.requireNonNull(tier, "tier");
    load();
    select("tier", tier);
  }

  /**
   * Where the kernels came from, for people to read. Loads the kernels.
   *
   * @return a path or a URL, and what chose it
   * @throws NativeLibraryException as {@link #load}
   * @throws UnsupportedIsaException as {@link #load}
   */
  public static String kernelsSource() {
    load();
    return LoadedKernels.RESULT.source;
  }

  /**
   * Where OpenBLAS came from, for people to read. Loads OpenBLAS.
   *
   * @return a path or a URL, and what chose it
   * @throws NativeLibraryException as {@link #loadOpenblas}
   */
  public static String openblasSource() {
    loadOpenblas();
    return LoadedOpenblas.RESULT.source;
  }

  /**
   * How OpenBLAS was built, in its own words. Loads OpenBLAS.
   *
   * @return version and options
   * @throws NativeLibraryException as {@link #loadOpenblas}
   */
  public static String openblasConfig() {
    loadOpenblas();
    return openblas_h.openblas_get_config().getString(0);
  }

  /**
   * The CPU that OpenBLAS chose its kernels for. Loads OpenBLAS.
   *
   * @return such as {@code "SkylakeX"}
   * @throws NativeLibraryException as {@link #loadOpenblas}
   */
  public static String openblasCore() {
    loadOpenblas();
    return openblas_h.openblas_get_corename().getString(0);
  }

  /** A remembered outcome: one of the two is null. */
  private record Result(String source, RuntimeException failure) {
    static Result of(String library, Loader loader) {
      try {
        return new Result(loader.load(), null);
      } catch (NativeLibraryException | UnsupportedIsaException e) {
        return new Result(null, e);
      } catch (IOException | RuntimeException | LinkageError e) {
        return new Result(
            null, new NativeLibraryException(library + ": cannot be loaded: " + oneLine(e), e));
      }
    }
  }

  private interface Loader {
    String load() throws IOException;
  }

  /** Initialised on first use, by one thread: this is what loads a library once. */
  private static final class LoadedKernels {
    static final Result RESULT = Result.of("granite_kernels", NativeLibraries::loadKernels);
  }

  private static final class LoadedOpenblas {
    static final Result RESULT = Result.of("OpenBLAS", NativeLibraries::loadBlas);
  }

  private static String loadKernels() throws IOException {
    String file = System.getProperty(KERNELS_PROPERTY);
    String source;
    if (file != null) {
      Path path = existing(KERNELS_PROPERTY, file);
      bind(path, granite_kernels_h.class);
      source = path + " (" + KERNELS_PROPERTY + ")";
    } else {
      String name = System.mapLibraryName("granite_kernels");
      String folder = "META-INF/native/" + Platform.CURRENT.name() + "/";
      URL resource =
          find(folder + name)
              .orElseThrow(() ->
                  missing(
                      "granite_kernels",
                      folder + name,
                      "granite-native",
                      Platform.CURRENT.name(),
                      KERNELS_PROPERTY));
      try (Extraction extraction = new Extraction()) {
        bind(extraction.extract(resource, name), granite_kernels_h.class);
      }
      source = resource.toString();
    }
    int version = granite_kernels_h.gk_abi_version();
    if (version != granite_kernels_h.GK_ABI_VERSION()) {
      throw new NativeLibraryException(
          "%s: has ABI version %d, these bindings need %d"
              .formatted(source, version, granite_kernels_h.GK_ABI_VERSION()));
    }
    String tier = System.getProperty(ISA_PROPERTY);
    if (tier != null) {
      select(ISA_PROPERTY, tier);
    } else {
      cap(System.getenv(ISA_CAP_VARIABLE));
    }
    logKernels(source);
    return source;
  }

  private static void logKernels(String source) {
    String active = granite_kernels_h.gk_active_isa().getString(0);
    String best = granite_kernels_h.gk_best_isa().getString(0);
    String amx = granite_kernels_h.gk_amx_status().getString(0);
    LOGGER.log(Level.DEBUG, "kernels from {0}: tier {1}", source, active);
    if (!active.equals(best)) {
      LOGGER.log(Level.INFO, "kernels use tier {0} although this CPU has {1}", active, best);
    }
    if (amx.endsWith("by the operating system")) {
      LOGGER.log(
          Level.WARNING,
          "the tile unit (AMX) of this CPU is {0}: long bf16 prompts are slower",
          amx);
    }
  }

  private static String loadBlas() throws IOException {
    String file = System.getProperty(OPENBLAS_PROPERTY);
    String source;
    if (file != null) {
      Path path = existing(OPENBLAS_PROPERTY, file);
      bind(path, openblas_h.class);
      source = path + " (" + OPENBLAS_PROPERTY + ")";
    } else {
      String name = Platform.CURRENT.openblasLibrary();
      String folder = "org/bytedeco/openblas/" + Platform.CURRENT.openblas() + "/";
      URL resource =
          find(folder + name)
              .orElseThrow(() ->
                  missing(
                      "OpenBLAS",
                      folder + name,
                      "org.bytedeco:openblas",
                      Platform.CURRENT.openblas(),
                      OPENBLAS_PROPERTY));
      try (Extraction extraction = new Extraction()) {
        // What it is linked against, by name: so each of these must be there before what needs it.
        for (String dependency : Platform.CURRENT.openblasDependencies()) {
          Optional<URL> bundled = find(folder + dependency);
          if (bundled.isPresent() && !hasSystemCompilerLibrary(dependency)) {
            load(extraction.extract(bundled.get(), dependency));
          }
        }
        bind(extraction.extract(resource, name), openblas_h.class);
      }
      source = resource.toString();
    }
    String config = openblas_h.openblas_get_config().getString(0);
    if (config.contains("USE64BITINT")) {
      throw new NativeLibraryException(
          "%s: has 64-bit integers, these bindings need 32-bit ones: %s".formatted(source, config));
    }
    openblas_h.openblas_set_num_threads(1);
    LOGGER.log(
        Level.DEBUG,
        "OpenBLAS from {0}, for {1}",
        source,
        openblas_h.openblas_get_corename().getString(0));
    return source;
  }

  /**
   * GCC's run-time library serves a whole process under one name. If the system has one, a bundled
   * one, possibly older, must not take its place, or C++ libraries loaded later may not find what
   * they need.
   */
  @SuppressWarnings("restricted")
  private static boolean hasSystemCompilerLibrary(String name) {
    if (!name.startsWith("libgcc_s")) {
      return false;
    }
    try {
      SymbolLookup.libraryLookup(name, Arena.global());
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /**
   * Loads a library and makes sure that the generated bindings will find all their symbols, and
   * find them in there.
   */
  @SuppressWarnings("restricted")
  private static void bind(Path path, Class<?> bindings) {
    load(path);
    SymbolLookup library = SymbolLookup.libraryLookup(path, Arena.global());
    SymbolLookup loaded = SymbolLookup.loaderLookup(); // what the bindings use
    for (String symbol : symbols(bindings)) {
      MemorySegment address =
          library
              .find(symbol)
              .orElseThrow(() ->
                  new NativeLibraryException(
                      path + ": has no " + symbol + ": it is not the library, or an old one"));
      if (!loaded.find(symbol).equals(Optional.of(address))) {
        throw new NativeLibraryException(
            path + ": another library of this class loader, loaded before, has " + symbol + " too");
      }
    }
  }

  @SuppressWarnings("restricted")
  private static void load(Path path) {
    try {
      System.load(path.toString());
    } catch (UnsatisfiedLinkError e) {
      throw new NativeLibraryException(path + ": cannot be loaded: " + oneLine(e), e);
    }
  }

  /** The functions that a class written by jextract binds. */
  static List<String> symbols(Class<?> bindings) {
    String suffix = "$address";
    return Stream.of(bindings.getMethods())
        .map(Method::getName)
        .filter(name -> name.endsWith(suffix))
        .map(name -> name.substring(0, name.length() - suffix.length()))
        .sorted()
        .toList();
  }

  private static synchronized void select(String source, String tier) {
    String best = granite_kernels_h.gk_best_isa().getString(0);
    int rank = TIERS.indexOf(tier);
    if (rank < 0 || rank > TIERS.indexOf(best)) {
      throw new UnsupportedIsaException(source, tier, TIERS, best);
    }
    setMaxIsa(source, tier, best);
  }

  private static synchronized void cap(String tier) {
    String best = granite_kernels_h.gk_best_isa().getString(0);
    if (tier == null) {
      setMaxIsa(ISA_CAP_VARIABLE, best, best);
    } else {
      setMaxIsa(ISA_CAP_VARIABLE, tier, best);
    }
  }

  private static void setMaxIsa(String source, String tier, String best) {
    try (Arena arena = Arena.ofConfined()) {
      int status = granite_kernels_h.gk_set_max_isa(arena.allocateFrom(tier));
      if (status != granite_kernels_h.GK_OK()) {
        throw new UnsupportedIsaException(source, tier, TIERS, best);
      }
    }
  }

  private static Optional<URL> find(String resource) {
    return Optional.ofNullable(NativeLibraries.class.getClassLoader().getResource(resource));
  }

  private static NativeLibraryException missing(
      String library, String resource, String jar, String platform, String property) {
    return new NativeLibraryException(
        "%s: no resource %s: is %s for %s on the class path? (or -D%s=FILE)"
            .formatted(library, resource, jar, platform, property));
  }

  private static Path existing(String property, String file) {
    Path path = Path.of(file).toAbsolutePath();
    if (!Files.isRegularFile(path)) {
      throw new NativeLibraryException(property + ": " + path + ": no such file");
    }
    return path;
  }

  private static String oneLine(Throwable e) {
    String message = e instanceof UnsatisfiedLinkError ? e.getMessage() : e.toString();
    return String.valueOf(message).lines().findFirst().orElse("");
  }

  /**
   * A fresh directory for libraries, removed when closed: a loaded library needs its file no more.
   */
  private static final class Extraction implements AutoCloseable {
    private final Path directory;

    Extraction() throws IOException {
      directory = Files.createTempDirectory("granite-"); // with all rights for its owner alone
    }

    Path extract(URL resource, String name) throws IOException {
      Path file = directory.resolve(name);
      URLConnection connection = resource.openConnection();
      connection.setUseCaches(false); // or the jar stays open
      // Blocks larger than those of Files.copy, which take half as long again for OpenBLAS.
      byte[] block = new byte[1 << 18];
      try (InputStream in = connection.getInputStream();
          OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW)) {
        for (int length = in.read(block); length >= 0; length = in.read(block)) {
          out.write(block, 0, length);
        }
      }
      return file;
    }

    @Override
    public void close() throws IOException {
      try (Stream<Path> files = Files.list(directory)) {
        for (Path file : files.toList()) {
          Files.deleteIfExists(file);
        }
      }
      Files.deleteIfExists(directory);
    }
  }
}
