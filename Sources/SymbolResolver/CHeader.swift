// SPDX-License-Identifier: MIT

import DebugInfo
import TypeIR

public enum CHeader {
  public static func text(of document: ResolvedDocument) -> String { "" }
}
public enum KernelListing {
  public static func text(matching glob: String, _ sources: KernelSources) throws -> String { "" }
}
