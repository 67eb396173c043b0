// SPDX-License-Identifier: MIT

/// Which nodes of a graph cannot be told apart: equal labels, and children that cannot be told apart
/// either. The graph may be cyclic.
enum Partition {
  /// The class of each node, numbered from 0 in the order of the nodes.
  ///
  /// Starts with one class per label and splits classes until all members of each have their children
  /// in the same classes. A round looks only at nodes whose children changed their class in the last.
  static func coarsest<Label: Hashable>(labels: [Label], children: [[Int]]) -> [Int] {
    var classes = numbered(labels)
    var sizes = [Int](repeating: 0, count: (classes.max() ?? -1) + 1)
    for number in classes { sizes[number] += 1 }
    // The classes of the children of those members that the last rounds left alone.
    var signatures = [[Int]?](repeating: nil, count: sizes.count)
    let parents = parents(of: children)
    var changed = Array(labels.indices)
    while !changed.isEmpty {
      let found = changed.map { node in children[node].map { classes[$0] } }
      let members = Dictionary(grouping: changed.indices) { classes[changed[$0]] }
      var next: Set<Int> = []
      for (number, positions) in members.sorted(by: { $0.key < $1.key }) {
        let groups = Dictionary(grouping: positions) { found[$0] }
        // Members that did not change keep the class; where all did, the first of them does.
        let hasOthers = sizes[number] > positions.count
        let kept = hasOthers ? signatures[number] ?? [] : found[positions[0]]
        signatures[number] = kept
        for (signature, group) in groups.sorted(by: { $0.value[0] < $1.value[0] })
        where signature != kept {
          for position in group {
            classes[changed[position]] = sizes.count
            next.formUnion(parents[changed[position]])
          }
          sizes[number] -= group.count
          sizes.append(group.count)
          signatures.append(signature)
        }
      }
      changed = next.sorted()
    }
    return numbered(classes)
  }

  private static func parents(of children: [[Int]]) -> [[Int]] {
    var parents = [[Int]](repeating: [], count: children.count)
    for (node, list) in children.enumerated() {
      for child in Set(list) { parents[child].append(node) }
    }
    return parents
  }

  /// Equal keys get equal numbers, counted from 0 in order of first occurrence.
  private static func numbered<Key: Hashable>(_ keys: [Key]) -> [Int] {
    var numbers: [Key: Int] = [:]
    return keys.map { key in
      if let known = numbers[key] { return known }
      numbers[key] = numbers.count
      return numbers.count - 1
    }
  }
}
