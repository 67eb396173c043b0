// SPDX-License-Identifier: MIT

import DebugInfo
import DebugInfoFixtures
import Diagnostics
import Testing
import TypeIR

@testable import SymbolResolver

@Suite struct CompletionTests {
  @Test func aTypeThatATypeStringNamesIsComplete() throws {
    let resolution = try Script(types: ["struct task *"]).resolved()
    let task = try #require(try resolution.record("task"))
    // By value, and no further.
    #expect(try resolution.record("list_head") != nil)
    #expect(resolution.isForward("cred"))
    #expect(resolution.isForward("mm"))
    #expect(task.members.map(\.name).contains("in_execve"))
    #expect(resolution.document.expressions.map(\.text) == ["struct task *"])
  }

  @Test func aMemberNameLeadsThroughItsPointer() throws {
    let resolution = try Script(types: ["struct task *"], members: ["mm", "pages"]).resolved()
    #expect(try resolution.record("mm") != nil)
    #expect(resolution.isForward("cred"))
  }

  @Test func memberNamesLeadOnFromThere() throws {
    let kernel = try FixtureKernel(
      """
      struct c { int x; }; struct b { struct c *c; }; struct a { struct { struct b **b[2]; }; };
      struct a *get(struct a *a) { return a; } struct c seen;
      """, "ff00 T _stext\nff10 T get\n")
    let none = try Script(types: ["struct a"]).resolved(by: kernel)
    #expect(none.isForward("b"))
    let one = try Script(types: ["struct a"], members: ["b"]).resolved(by: kernel)
    #expect(try one.record("b") != nil && one.isForward("c"))
    let two = try Script(types: ["struct a"], members: ["b", "c"]).resolved(by: kernel)
    #expect(try two.record("c") != nil)
  }

  @Test func whatAFunctionReturnsIsCompleteIfTheScriptUsesAMemberOfIt() throws {
    #expect(try Script(calls: ["find_task"]).resolved().isForward("task"))
    let used = try Script(calls: ["find_task"], members: ["flags"]).resolved()
    #expect(used.isForward("task"), "`flags` is a member of a member with a name")
    let own = try Script(calls: ["find_task"], members: ["pid"]).resolved()
    #expect(try own.record("task") != nil)
  }

  @Test func whatAFunctionTakesByValueIsComplete() throws {
    let resolution = try Script(calls: ["swap"]).resolved()
    #expect(try resolution.record("pair")?.size == 16)
    #expect(try resolution.record("value")?.keyword == .union)
  }

  @Test func unknownTypesOfTheCBecomeTheKernels() throws {
    let script = Script(
      c: """
        struct mine { char tag; pid_t pid; struct timespec64 when; };
        """, types: ["struct mine"])
    let before = try script.document()
    #expect(before.types.entries.contains { $0.type == .unresolved(name: "pid_t") })
    let resolution = try script.resolved()
    let mine = try #require(try resolution.record("mine"))
    // The compiler's rules, once the members' types are known.
    #expect(mine.size == 24)
    #expect(mine.members.map(\.bitOffset) == [0, 32, 64])
    let pid = resolution.document.types[mine.members[1].type]
    guard case .typedef("pid_t", _, nil) = pid else {
      Issue.record("\(pid)")
      return
    }
    // Entries keep their places.
    #expect(resolution.document.types.count >= before.types.count)
    for (number, entry) in before.types.entries.enumerated()
    where entry.type != .unresolved(name: "pid_t") {
      if case .int = entry.type {
        #expect(resolution.document.types.entries[number] == entry)
      }
    }
  }

  @Test func typesThatNobodyKnowsAreErrors() throws {
    let error = try Script(c: "pid_tt *get(void);", types: ["pid_tt"]).error()
    #expect(error.id == "unknown-type")
    #expect(error.hints.first?.contains("'pid_t'") == true)
    #expect(error.line == 1)
    let tag = try Script(types: ["struct tsk *"]).error()
    #expect(tag.message.contains("'struct tsk'"))
    #expect(tag.hints == ["did you mean 'struct task'?"])
    let own = try Script(c: "typedef long ticks_t; tick_t f(void);", types: ["tick_t"]).error()
    #expect(own.hints.first?.contains("'ticks_t'") == true)
  }

  @Test func severalDefinitionsOfATagAreAmbiguous() throws {
    var writer = BTFWriter()
    let int = writer.int("int", size: 4, .signed)
    writer.structure("twin", size: 4, [.init("a", int, at: 0)])
    writer.structure("twin", size: 8, [.init("a", int, at: 0), .init("b", int, at: 32)])
    let kernel = FixtureKernel(btf: try writer.btf(), kallsyms: "ff00 T _stext\n")
    let error = try Script(types: ["struct twin"]).error(by: kernel)
    #expect(error.id == "ambiguous-type")
    #expect(error.notes.map(\.message) == ["type 2: 4 bytes: a", "type 3: 8 bytes: a, b"])
  }

  @Test func aDeclaredTagIsTheDefinitionThatGoesByIt() throws {
    var writer = BTFWriter()
    let int = writer.int("int", size: 4, .signed)
    let forward = writer.forward("late")
    let pointer = writer.pointer(forward)
    writer.structure("user", size: 8, [.init("late", pointer, at: 0)])
    writer.structure("late", size: 4, [.init("x", int, at: 0)])
    let kernel = FixtureKernel(btf: try writer.btf(), kallsyms: "ff00 T _stext\n")
    let resolution = try Script(types: ["struct user"], members: ["late"]).resolved(by: kernel)
    #expect(try resolution.record("late")?.size == 4)
  }
}

@Suite struct SharedTagTests {
  @Test func aTagThatDiffersFromTheKernelsIsAWarning() throws {
    let resolution = try Script(
      c: "struct pair { int a, b; };", types: ["struct pair"]
    ).resolved()
    #expect(resolution.warnings.map(\.id) == ["type-differs"])
    #expect(
      resolution.warnings[0].message.contains(
        "kernel: `a` long at bits 0; yours: `a` int at bits 0")
    )
    #expect(try resolution.record("pair")?.size == 8)
  }

  @Test func theErrorAboutItIsEnough() throws {
    let diagnostics = try Script(
      c: "struct timespec64 { int tv_sec; }; void ktime_get_real_ts64(struct timespec64 *);",
      calls: ["ktime_get_real_ts64"]
    ).failure()
    #expect(diagnostics.map(\.id) == ["struct-differs"])
  }

  @Test func aTagLikeTheKernelsStandsForIt() throws {
    let script = Script(
      c: "struct timespec64 { long long tv_sec; long tv_nsec; };", types: ["struct timespec64"],
      calls: ["ktime_get_real_ts64"])
    let resolution = try script.resolved()
    #expect(resolution.warnings.isEmpty)
    // The kernel's prototype, undeclared, takes a pointer to the script's own struct.
    let own = try #require(try script.document().expressions.first).type
    let type = try resolution.symbol("ktime_get_real_ts64").type
    guard case .function(let function) = resolution.document.types[type],
      case .pointer(let target) = resolution.document.types[function.parameters[0].type]
    else {
      Issue.record("no function that takes a pointer")
      return
    }
    #expect(target == own)
  }
}

@Suite struct TargetTests {
  @Test(arguments: [true, false])
  func theSignOfCharIsTheKernels(isSigned: Bool) throws {
    var writer = BTFWriter()
    let char = writer.int("char", size: 1, isSigned ? .signed : [])
    let schar = writer.int("signed char", size: 1, .signed)
    writer.function("plain", returning: char, [])
    writer.function("signed_one", returning: schar, [])
    let kernel = FixtureKernel(
      btf: try writer.btf(), kallsyms: "ff00 T _stext\nff10 T plain\nff20 T signed_one\n")
    let script = Script(
      c: "char plain(void); char signed_one(void);", calls: ["plain", "signed_one"])
    if isSigned {
      #expect(try script.resolved(by: kernel).document.target.charIsSigned)
    } else {
      let error = try script.error(by: kernel)
      #expect(error.id == "return-type-differs")
      #expect(error.message.contains("signed_one"))
    }
  }

  @Test func withoutABuildIDTheImageIsUnbound() throws {
    let resolution = try Script(calls: ["strlen"]).resolved(buildID: nil)
    #expect(resolution.warnings.map(\.id) == ["unbound"])
    #expect(try Script(types: ["struct task"]).resolved(buildID: nil).warnings.isEmpty)
  }

  @Test func withoutStextThereAreNoAddresses() throws {
    let btf = try FixtureKernel.standard.get().btf
    let kernel = FixtureKernel(btf: btf, kallsyms: "ff10 T strlen\n")
    let error = try #require(throws: SourceError.self) {
      try Script(calls: ["strlen"]).resolved(by: kernel)
    }
    #expect(error.diagnostic.id == "no-stext")
  }
}

@Suite struct DamagedBTFTests {
  /// Resolving everything that a damaged BTF has ends in a document that can be read, or a message.
  @Test func everyChangedByteEndsInAnAnswer() throws {
    var writer = BTFWriter()
    let int = writer.int("int", size: 4, .signed)
    let node = writer.nextID + 1
    let pointer = writer.pointer(node)
    writer.structure(
      "node", size: 24,
      [
        .init("next", pointer, at: 0), .init("count", int, at: 64),
        .init("list", writer.nextID + 1, at: 128),
      ])
    writer.array(pointer, 1)
    let alias = writer.typedef("node_t", node)
    writer.function("visit", returning: pointer, [("node", writer.pointer(alias)), ("n", int)])
    writer.variable("head", alias)
    let bytes = writer.bytes()
    let script = Script(
      c: """
        struct node { struct node *next; int count; struct node *list[1]; };
        struct node *visit(struct node *, int);
        """, types: ["node_t"], calls: ["visit"], values: ["head"], members: ["next", "list"])
    let undeclared = Script(types: ["node_t"], calls: ["visit"], members: ["next"])
    let kallsyms = "ff00 T _stext\nff10 T visit\nff20 D head\nff80 D _end\n"
    var answers = 0
    for place in bytes.indices {
      for change: UInt8 in [0x01, 0x04, 0x80, 0xff] {
        var damaged = bytes
        damaged[place] ^= change
        guard let btf = try? BTF(FileBytes(name: "damaged", copying: damaged)) else { continue }
        let kernel = FixtureKernel(btf: btf, kallsyms: kallsyms)
        for script in [script, undeclared] {
          do {
            let resolution = try script.resolved(by: kernel)
            _ = CHeader.text(of: resolution.document)
            answers += 1
          } catch is DiagnosticList {
          } catch is Diagnostic {
          } catch is SourceError {
          }
        }
      }
    }
    #expect(answers > 100)
  }

  @Test func membersBeyondTheEndAreRefused() throws {
    var writer = BTFWriter()
    let int = writer.int("int", size: 4, .signed)
    writer.structure("s", size: 4, [.init("a", int, at: 0), .init("b", int, at: 8)])
    let kernel = FixtureKernel(btf: try writer.btf(), kallsyms: "ff00 T _stext\n")
    let error = try #require(throws: SourceError.self) {
      try Script(types: ["struct s"]).resolved(by: kernel)
    }
    #expect(error.diagnostic.id == "bad-btf")
    #expect(error.diagnostic.message.contains("beyond its end"))
  }
}
