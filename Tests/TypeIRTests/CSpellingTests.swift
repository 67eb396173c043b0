// SPDX-License-Identifier: MIT

import Testing
import TypeIR

@Suite struct CSpellingTests {
  /// `int`, `struct file`, and a pointer to each.
  private static let basics: (table: TypeTable, int: TypeID, file: TypeID) = {
    var table = TypeTable()
    let int = table.append(.int(name: "int", size: 4, align: 4, encoding: .signed))
    let file = table.append(.forward(keyword: .struct, tag: "file"))
    return (table, int, file)
  }()

  private func spell(
    _ name: String = "x", _ make: (inout TypeTable, _ int: TypeID, _ file: TypeID) -> TypeID
  ) -> String {
    var table = Self.basics.table
    let type = make(&table, Self.basics.int, Self.basics.file)
    return table.declaration(of: name, type)
  }

  @Test func simpleTypes() {
    #expect(spell("") { _, int, _ in int } == "int")
    #expect(spell { _, _, file in file } == "struct file x")
    #expect(spell("") { _, _, _ in .void } == "void")
    #expect(spell("") { table, _, file in table.append(.pointer(file)) } == "struct file *")
  }

  @Test func qualifiersStandWhereTheyApply() {
    #expect(
      spell { table, int, _ in table.append(.pointer(table.append(.const(int)))) }
        == "const int *x")
    #expect(
      spell { table, int, _ in table.append(.const(table.append(.pointer(int)))) }
        == "int *const x")
    #expect(
      spell { table, int, _ in
        let volatile = table.append(.volatile(int))
        return table.append(.pointer(table.append(.const(table.append(.pointer(volatile))))))
      } == "volatile int *const *x")
  }

  @Test func arraysAndFunctionsBindMoreTightlyThanPointers() {
    #expect(
      spell { table, int, _ in
        table.append(
          .pointer(table.append(.array(element: int, length: .count(3)))))
      } == "int (*x)[3]")
    #expect(
      spell { table, int, _ in
        let pointer = table.append(.pointer(int))
        return table.append(.array(element: pointer, length: .flexible))
      } == "int *x[]")
    #expect(
      spell("handler") { table, int, file in
        let parameter = Parameter(name: "file", type: table.append(.pointer(file)))
        let function = table.append(
          .function(FunctionType(returnType: int, parameters: [parameter], isVariadic: true)))
        return table.append(.pointer(function))
      } == "int (*handler)(struct file *file, ...)")
  }

  @Test func typesThatAreNestedWithoutEndAreCutShort() {
    let text = spell { table, int, _ in
      // A function that takes pointers to itself.
      let function = table.append(.function(FunctionType(returnType: int, parameters: [])))
      let parameter = Parameter(name: nil, type: table.append(.pointer(function)))
      table[function] = .function(
        FunctionType(returnType: int, parameters: Array(repeating: parameter, count: 50)))
      return function
    }
    #expect(text.contains("…"))
    #expect(text.utf8.count < 20_000)
  }
}
