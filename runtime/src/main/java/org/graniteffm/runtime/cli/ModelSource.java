package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.hub.HubClient;
import org.graniteffm.runtime.hub.HubException;
import org.graniteffm.runtime.safetensors.Checkpoint;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Finds what the argument MODEL means: a folder, a hub id, or, if there is none, the built-in demo
 * model. A command has it as a {@link picocli.CommandLine.Mixin}, for the options that go with it.
 */
final class ModelSource {
  /** For the help of commands. */
  static final String HELP =
      "Checkpoint folder, or hub id OWNER/NAME, fetched unless it is in the local hub cache.";

  /** The reason where there is nothing of the name. */
  static final String NO_FOLDER = "no such folder";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--revision",
      paramLabel = "REVISION",
      description = "Of a hub id: a branch, a tag or a commit (default: main).")
  private String revision;

  @Option(
      names = "--offline",
      description = "Of a hub id: take it from the cache or fail, and fetch nothing.")
  private boolean offline;

  private final UnaryOperator<String> environment;

  ModelSource() {
    this(System::getenv);
  }

  ModelSource(UnaryOperator<String> environment) {
    this.environment = environment;
  }

  /**
   * Finds a model, and fetches it if need be.
   *
   * @param model the argument, or null for the demo model
   * @return an existing path: a folder, or a file if that is what the argument names
   * @throws ParameterException if there is a revision of what has none, or it is malformed
   * @throws NoSuchFileException if there is no such path, and it can be no hub id; or it is a
   *     folder without any of a checkpoint's files
   * @throws IOException if it cannot be fetched, or the cache or the demo model cannot be read
   */
  Path locate(String model) throws IOException {
    return locate(model, revision);
  }

  /**
   * Finds a second model, of which the revision does not speak.
   *
   * @param model a folder or a hub id
   * @return as {@link #locate(String)}
   * @throws IOException as {@link #locate(String)}
   */
  Path locateOther(String model) throws IOException {
    return locate(model, null);
  }

  private Path locate(String model, String revision) throws IOException {
    if (model == null) {
      checkNone(revision, "the demo model");
      return DemoModel.directory();
    }
    if (model.isEmpty()) {
      throw new ParameterException(
          command.commandLine(), "MODEL: is empty, expected a folder or a hub id OWNER/NAME");
    }
    Path path;
    try {
      path = Path.of(model);
    } catch (InvalidPathException e) {
      throw new NoSuchFileException(Names.quote(model), null, NO_FOLDER);
    }
    if (Files.exists(path)) {
      checkNone(revision, "a local path");
      checkHoldsModel(path);
      return path;
    }
    if (!HubClient.isModelId(model)) {
      throw new NoSuchFileException(model, null, NO_FOLDER);
    }
    try (DownloadBar bar = new DownloadBar(command.commandLine().getErr(), environment)) {
      HubClient hub = HubClient.builder(environment).offline(offline).listener(bar).build();
      return resolve(hub, model, revision);
    } catch (HubException e) {
      if (e.reason() == HubException.Reason.BAD_ANSWER) {
        throw e;
      }
      throw new IOException(e.getMessage() + " (nor is there a folder of that name)", e);
    }
  }

  private Path resolve(HubClient hub, String id, String revision) throws IOException {
    try {
      return hub.resolve(id, revision);
    } catch (IllegalArgumentException e) { // of the revision: the id is one
      throw new ParameterException(command.commandLine(), "--" + e.getMessage(), e);
    }
  }

  /** A folder of something else altogether; what a checkpoint lacks is said when it is opened. */
  private static void checkHoldsModel(Path path) throws NoSuchFileException {
    if (Files.isDirectory(path)
        && Stream.of("config.json", Checkpoint.SINGLE, Checkpoint.INDEX)
            .noneMatch(name -> Files.exists(path.resolve(name)))) {
      throw new NoSuchFileException(
          Names.path(path),
          null,
          "no checkpoint: such a folder holds config.json, tokenizer.json and "
              + Checkpoint.SINGLE
              + ", or its shards and their index; 'granite pull OWNER/NAME' fetches one");
    }
  }

  private void checkNone(String revision, String what) {
    if (revision != null) {
      throw new ParameterException(
          command.commandLine(), "--revision: " + what + " has no revisions, a hub id has");
    }
  }
}
