// SPDX-License-Identifier: MIT

/// The records of a document as pahole prints them: each member with its offset and size in bytes,
/// each hole with its size.
public enum LayoutPrinter {
  public static func print(_ document: TypesDocument) -> String {
    var text = ""
    let table = document.types
    for entry in table.entries {
      guard case .record(let record) = entry.type, let tag = record.tag else { continue }
      if !text.isEmpty { text += "\n" }
      text += "\(record.keyword.rawValue) \(tag) {\n"
      text += members(of: record, table, base: 0, indent: 1)
      text += "};" + summary(record) + "\n"
    }
    return text
  }

  private static func summary(_ record: Record) -> String {
    guard let size = record.size, let align = record.align else {
      return "  /* size and offsets depend on types that are not known */"
    }
    return "  /* size: \(size), align: \(align), members: \(record.members.count) */"
  }

  private static func members(
    of record: Record, _ table: TypeTable, base: UInt64, indent: Int
  ) -> String {
    var text = ""
    var end: UInt64 = 0
    let margin = String(repeating: "    ", count: indent)
    for member in record.members {
      if let offset = member.bitOffset, record.keyword == .struct {
        if offset > end { text += "\(margin)/* hole: \(bits(offset - end)) */\n" }
        end = max(end, offset + size(of: member, table))
      }
      text += self.member(member, table, base: base, indent: indent)
    }
    if let size = record.size, record.keyword == .struct, size * 8 > end {
      text += "\(margin)/* padding: \(bits(size * 8 - end)) */\n"
    }
    return text
  }

  private static func member(
    _ member: Member, _ table: TypeTable, base: UInt64, indent: Int
  ) -> String {
    let margin = String(repeating: "    ", count: indent)
    let place = place(of: member, table, base: base)
    if case .record(let inner)? = anonymousRecord(member, table) {
      let name = member.name.map { " \($0)" } ?? ""
      return "\(margin)\(inner.keyword.rawValue) {\n"
        + members(of: inner, table, base: base + (member.bitOffset ?? 0), indent: indent + 1)
        + padded("\(margin)}\(name);") + place + "\n"
    }
    var declaration = table.declaration(of: member.name ?? "", member.type)
    if let width = member.bitSize {
      declaration += member.name == nil ? " : \(width)" : ":\(width)"
    }
    return padded("\(margin)\(declaration);") + place + "\n"
  }

  /// A record without a tag is shown where it is used.
  private static func anonymousRecord(_ member: Member, _ table: TypeTable) -> CType? {
    guard member.type != .void, case .record(let record) = table[member.type], record.tag == nil
    else { return nil }
    return .record(record)
  }

  /// "/* offset size */" in bytes, of a bit-field with its first bit.
  private static func place(of member: Member, _ table: TypeTable, base: UInt64) -> String {
    guard let offset = member.bitOffset else { return " /* ? */" }
    let position = base + offset
    if member.bitSize != nil { return " /* \(position / 8):\(position % 8) */" }
    return " /* \(position / 8) \(size(of: member, table) / 8) */"
  }

  /// In bits.
  private static func size(of member: Member, _ table: TypeTable) -> UInt64 {
    member.bitSize.map(UInt64.init) ?? (table.size(of: member.type) ?? 0) * 8
  }

  private static func bits(_ count: UInt64) -> String {
    count % 8 == 0 ? "\(count / 8) bytes" : "\(count) bits"
  }

  private static func padded(_ text: String) -> String {
    text + String(repeating: " ", count: max(0, 48 - text.count))
  }
}
