// SPDX-License-Identifier: MIT

/// Compares a literal format with the values that it is given.
enum FormatCheck {
  /// What is wrong with them, in the order of the format.
  static func problems(_ format: [UInt8], _ values: [Expression]) -> [String] {
    var problems: [String] = []
    // The last value may be several.
    let isOpen = values.last?.isMultiple ?? false
    var taken = 0
    var position = 0

    func take(_ conversion: String, isNumber: Bool) {
      defer { taken += 1 }
      if taken >= values.count {
        if !isOpen { problems.append("'\(conversion)' has no value") }
      } else if isNumber, isText(values[taken]) {
        problems.append("'\(conversion)' is given a string")
      }
    }

    while let percent = format[position...].firstIndex(of: UInt8(ascii: "%")) {
      var end = percent + 1
      while end < format.count, "-+ #0123456789.*hlqjzt".utf8.contains(format[end]) {
        if format[end] == UInt8(ascii: "*") { take("*", isNumber: true) }
        end += 1
      }
      guard end < format.count else {
        problems.append("the format ends within a conversion")
        return problems
      }
      let conversion = String(decoding: format[percent...end], as: UTF8.self)
      if "diouxXcps".utf8.contains(format[end]) {
        take(conversion, isNumber: format[end] != UInt8(ascii: "s"))
      } else if format[end] != UInt8(ascii: "%") {
        problems.append("there is no conversion '\(conversion)'")
        taken += 1
      }
      position = end + 1
    }
    if !isOpen, taken < values.count {
      problems.append("\(values.count - taken) more values than conversions")
    }
    return problems
  }

  private static func isText(_ expression: Expression) -> Bool {
    switch expression.kind {
    case .string, .concat: true
    default: false
    }
  }
}
