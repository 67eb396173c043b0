// SPDX-License-Identifier: MIT

import Diagnostics
import Glibc
import StageIO

/// The C preprocessor of the machine: `cc -E`.
struct CPreprocessor {
  private static let missingID = "no-preprocessor"

  /// The command, looked up in PATH; blanks separate arguments.
  var command: String
  var includeDirectories: [String]
  /// `NAME` or `NAME=VALUE`.
  var definitions: [String]
  /// Headers to include before the text.
  var headers: [String]
  var kernelHeaders: KernelHeaders?
  /// The macros whose values are wanted; nil for all.
  var constants: Set<String>?

  /// What it makes of a file (a path), or of `text` if that is given. Its own messages go to
  /// standard error. `reason` is the error that it was needed for, if one was.
  func run(
    _ path: String, text: [UInt8]?, reason: Diagnostic?
  ) throws -> [UInt8] {
    let options =
      (kernelHeaders?.arguments ?? []) + includeDirectories.flatMap { ["-I", $0] }
      + definitions.map { "-D\($0)" } + headers.flatMap { ["-include", $0] }
    let output = try run(["-dD"] + options, path, text, reason)
    let values = MacroValues(output, wanted: constants)
    guard !values.isEmpty else { return output }
    let answers = try run(["-P", "-w"], "-", values.questions, reason, mayFail: true)
    return output + values.definitions(from: answers)
  }

  /// One run: `cc -E`. If it may fail, it says nothing, and what it has made all the same counts.
  private func run(
    _ options: [String], _ path: String, _ text: [UInt8]?, _ reason: Diagnostic?,
    mayFail: Bool = false
  ) throws -> [UInt8] {
    let input = try text.map(Self.temporaryFile)
    defer { input.map { _ = close($0) } }
    var pipe: [Int32] = [-1, -1]
    guard Glibc.pipe(&pipe) == 0 else { throw failure("pipe", errno) }
    for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { _ = close(pipe[0]) }
    let process = try spawn(
      command.split(separator: " ").map(String.init) + ["-E"] + options
        + ["-x", "c", text == nil ? Self.operand(path) : "-"],
      input: input, output: pipe[1], isQuiet: mayFail, reason)
    _ = close(pipe[1])
    let output = Self.contents(of: pipe[0])
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F  // WTERMSIG of wait(2).
    if signal != 0 {
      throw EnvironmentError(
        Diagnostic(
          "preprocessor-killed",
          "'\(command) -E' was ended by a signal: \(String(cString: strsignal(signal)))",
          place: .file(StageInput.name(of: path))))
    }
    guard status == 0 || mayFail else {
      throw Diagnostic(
        "preprocessor-failed", "'\(command) -E' failed: what it says is above",
        place: .file(StageInput.name(of: path)))
    }
    return output
  }

  /// A path that the command does not take for an option.
  private static func operand(_ path: String) -> String {
    path.hasPrefix("-") && path != "-" ? "./\(path)" : path
  }

  private func spawn(
    _ arguments: [String], input: Int32?, output: Int32, isQuiet: Bool, _ reason: Diagnostic?
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input { posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) }
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    if isQuiet {
      posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    }
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let error = posix_spawnp(&process, arguments[0], &actions, nil, words, environ)
    guard error == 0 else { throw cannotRun(error, reason) }
    return process
  }

  /// No compiler is no mistake of the input.
  private func cannotRun(_ error: Int32, _ reason: Diagnostic?) -> EnvironmentError {
    var diagnostic =
      reason
      ?? Diagnostic(
        Self.missingID, "-I, -D, --include and --kernel-headers need a C preprocessor")
    diagnostic.id = Self.missingID
    diagnostic.message += ", and '\(command)' cannot be run: \(String(cString: strerror(error)))"
    diagnostic.hints = ["install a C compiler, or name one with --cc"]
    return EnvironmentError(diagnostic)
  }

  private func failure(_ call: String, _ error: Int32) -> EnvironmentError {
    EnvironmentError(
      Diagnostic("cannot-\(call)", "\(call) failed: \(String(cString: strerror(error)))"))
  }

  /// An open file with the text, which is gone with the descriptor.
  private static func temporaryFile(_ text: [UInt8]) throws -> Int32 {
    let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(directory)/cdef-parse-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw noTemporaryFile(errno) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
    var written = 0
    while written < text.count {
      let count = text.withUnsafeBytes { bytes in
        write(descriptor, bytes.baseAddress! + written, bytes.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let error = errno
        close(descriptor)
        throw noTemporaryFile(error)
      }
      written += count
    }
    lseek(descriptor, 0, SEEK_SET)
    return descriptor
  }

  private static func noTemporaryFile(_ error: Int32) -> EnvironmentError {
    EnvironmentError(
      Diagnostic(
        "cannot-write", "cannot write a temporary file: \(String(cString: strerror(error)))"))
  }

  private static func contents(of descriptor: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
        var result = read(descriptor, buffer.baseAddress, buffer.count)
        while result < 0, errno == EINTR {
          result = read(descriptor, buffer.baseAddress, buffer.count)
        }
        count = max(0, result)
      }
      if chunk.isEmpty { return bytes }
      bytes += chunk
    }
  }
}
