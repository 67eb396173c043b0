// SPDX-License-Identifier: MIT

import CKtapImage
import KtapImage

/// Writes lowered types and their call plans into an image. The index of each type stays the same.
struct TypeWriter {
  private let types: [LoweredType]
  private let names: TypeNames
  /// Why function types have no plan, by index.
  private(set) var notCallable: [Int: NotCallable] = [:]

  init(_ types: [LoweredType]) {
    self.types = types
    names = TypeNames(types)
  }

  /// Void is there from the start (``ImageBuilder/init(script:flags:)``).
  mutating func write(to image: inout ImageBuilder) {
    for index in types.indices.dropFirst() {
      image.types.append(entry(index, &image))
    }
  }

  private mutating func entry(_ index: Int, _ image: inout ImageBuilder) -> ktap_image_type {
    let type = types[index]
    var entry = ktap_image_type(
      kind: type.imageKind.rawValue, flags: type.flags, name: image.intern(names.name(of: index)),
      ref: UInt32(type.reference), size: type.size, length: type.length, align: UInt32(type.align),
      first: 0, count: 0, plan: imageNone)
    switch type.kind {
    case .structure, .union:
      entry.first = UInt32(image.members.count)
      entry.count = UInt32(type.members.count)
      for member in type.members { write(member, &image) }
    case .enumeration:
      entry.first = UInt32(image.enumerators.count)
      entry.count = UInt32(type.enumerators.count)
      for enumerator in type.enumerators {
        let name = image.intern(enumerator.name)
        image.enumerators.append(
          ktap_image_enumerator(name: name, reserved: 0, value: enumerator.bits))
      }
    case .function:
      entry.first = UInt32(image.params.count)
      entry.count = UInt32(type.parameters.count)
      for parameter in type.parameters {
        let name = parameter.name.map { image.intern($0) } ?? imageNone
        image.params.append(ktap_image_param(name: name, type: UInt32(parameter.type)))
      }
      entry.plan = plan(index, &image)
    case .void, .bool, .int, .float, .pointer, .array: break
    }
    return entry
  }

  private func write(_ member: LoweredType.Member, _ image: inout ImageBuilder) {
    let name = member.name.map { image.intern($0) } ?? imageNone
    image.members.append(
      ktap_image_member(
        name: name, type: UInt32(member.type), bit_offset: member.bitOffset,
        bit_size: member.bitSize, reserved: 0))
  }

  private func callPlan(_ function: LoweredType) throws(NotCallable) -> CallPlan {
    function.isMicrosoftConvention
      ? try MicrosoftClassification(types: types).plan(function)
      : try SysVClassification(types: types).plan(function)
  }

  private mutating func plan(_ index: Int, _ image: inout ImageBuilder) -> UInt32 {
    do throws(NotCallable) {
      let plan = try callPlan(types[index])
      image.plans.append(
        ktap_image_plan(
          type: UInt32(index), first_step: UInt32(image.steps.count),
          step_count: UInt32(plan.steps.count),
          words: UInt32(CallPlan.registers + plan.stackWords),
          registers_used: UInt32(plan.registersUsed), return_kind: plan.returnKind.rawValue,
          convention: plan.convention.rawValue, reserved: 0))
      for step in plan.steps {
        image.steps.append(
          ktap_image_step(
            kind: UInt16(step.kind.rawValue), param: UInt16(step.parameter),
            slot: UInt16(step.slot), copy: UInt16(step.copy), offset: UInt32(step.offset),
            size: UInt32(step.size)))
      }
      return UInt32(image.plans.count - 1)
    } catch {
      notCallable[index] = error
      return imageNone
    }
  }
}

extension LoweredType {
  var imageKind: ktap_type_kind {
    switch kind {
    case .void: KTAP_TYPE_VOID
    case .bool: KTAP_TYPE_BOOL
    case .int: KTAP_TYPE_INT
    case .float: KTAP_TYPE_FLOAT
    case .enumeration: KTAP_TYPE_ENUM
    case .pointer: KTAP_TYPE_POINTER
    case .array: KTAP_TYPE_ARRAY
    case .structure: KTAP_TYPE_STRUCT
    case .union: KTAP_TYPE_UNION
    case .function: KTAP_TYPE_FUNCTION
    }
  }
}
