// SPDX-License-Identifier: MIT

import ArgumentParser
import Diagnostics
import Glibc

/// A stage of the pipe: parses its command line, does its work, and leaves with the exit status
/// that the contract names. Commands are marked `@main` and implement `execute()`.
public protocol StageCommand: ParsableCommand {
  /// Does the work. Throws ``Diagnostic`` or ``DiagnosticList`` for wrong input and
  /// ``EnvironmentError`` for the rest. Returns what to leave with.
  func execute() throws -> ExitStatus

  /// The command line as the parser of arguments is to see it. Only for what it cannot be told
  /// otherwise: it takes `-DX=1` for an option `-DX`.
  static func normalized(_ arguments: [String]) -> [String]
}

/// What `--version` prints: the tools and the kernel module are released together.
public let stageVersion = "0.1"

extension StageCommand {
  public static func normalized(_ arguments: [String]) -> [String] { arguments }

  public static func main() {
    // A reader that goes away is an error of write(2), with a message, not a silent death.
    signal(SIGPIPE, SIG_IGN)
    Glibc.exit(run(CommandLine.arguments.dropFirst()).rawValue)
  }

  private static func run(_ arguments: ArraySlice<String>) -> ExitStatus {
    let command: Self
    do {
      let parsed = try parseAsRoot(normalized(Array(arguments)))
      guard let known = parsed as? Self else {
        throw CleanExit.helpRequest(parsed)
      }
      command = known
    } catch {
      return leave(error)
    }
    do {
      return try command.execute()
    } catch let error as Diagnostic {
      StageError.print([error])
      return .inputWrong
    } catch let error as DiagnosticList {
      StageError.print(error.diagnostics)
      return .inputWrong
    } catch let error as EnvironmentError {
      StageError.print([error.diagnostic])
      return .environment
    } catch let error as ValidationError {
      return leave(error)
    } catch {
      StageError.print([Diagnostic("internal", "\(error)")])
      return .environment
    }
  }

  /// Help and version go to standard output and are fine; everything else is usage.
  private static func leave(_ error: any Error) -> ExitStatus {
    let text = fullMessage(for: error)
    if exitCode(for: error) == .success {
      do {
        try StageOutput.write(Array((text + "\n").utf8), to: nil)
        return .fine
      } catch {
        StageError.print([error.diagnostic])
        return .environment
      }
    }
    StageError.write(text + "\n")
    return .usage
  }
}
